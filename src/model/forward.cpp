#include "model/forward.h"

#include <vector>

namespace yoke::model {

MatrixView<const float> forward(Family& family, ops::Ops& ops, const Partition& partition,
                                const Batch& batch) {
  ops.begin_step(batch.step());
  ops::Activations x = family.embed(ops);
  for (int i = 0; i < static_cast<int>(family.config().n_layers()); ++i) {
    x = ops.carry_over(family.layer(ops, i, x));
  }
  std::vector<std::int64_t> counts;
  for (int rank = 0; rank < partition.size(); ++rank) {
    counts.push_back(partition.range(Space::vocabulary, 0, rank).size());
  }
  return ops.gather_logits(family.head(ops, ops.wanted(x)), counts);
}

}  // namespace yoke::model
