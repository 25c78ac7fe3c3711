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

MatrixView<float> hidden_states(Family& family, ops::Ops& ops, ops::Activations wanted) {
  wanted = ops.carry_over(wanted);
  const ops::Activations copy = ops.columns(wanted, 0, wanted.width);  // the logits are made of the original
  return ops.read(family.hidden_states(ops, copy));
}

ops::Activations run_draft(Family& family, ops::Ops& ops, const ops::Step& step, int index,
                           MatrixView<const float> hidden) {
  ops.begin_step(step);
  return ops.carry_over(ops.wanted(family.draft(ops, index, ops.write(hidden))));
}

MatrixView<float> local_draft_logits(Family& family, ops::Ops& ops, int index, ops::Activations drafted,
                                     std::int64_t first, std::int64_t n) {
  drafted = ops.carry_over(drafted);
  return ops.read(family.draft_head(ops, index, ops.rows(drafted, first, n)));
}

}  // namespace yoke::model
