#include "model/forward.h"

namespace yoke::model {

ops::Activations run_layers(Family& family, ops::Ops& ops, const ops::Step& step) {
  ops.begin_step(step);
  ops::Activations x = family.embed(ops);
  for (int i = 0; i < static_cast<int>(family.config().n_layers()); ++i) {
    x = ops.carry_over(family.layer(ops, i, x));
  }
  return ops.carry_over(ops.wanted(x));
}

MatrixView<float> local_logits(Family& family, ops::Ops& ops, ops::Activations wanted, std::int64_t first,
                               std::int64_t n) {
  wanted = ops.carry_over(wanted);  // the scratch of the rows before is free again
  return ops.read(family.head(ops, ops.rows(wanted, first, n)));
}

}  // namespace yoke::model
