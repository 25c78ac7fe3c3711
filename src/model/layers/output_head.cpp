#include "model/layers/output_head.h"

namespace yoke::model {

void OutputMatrix::add_tensors(TableBuilder& table, const Config& config) {
  table.rows(matrix, "output.weight", {config.vocabulary, config.dim}, {{Space::vocabulary, 1}});
  table.or_else("token_embd.weight");
  table.bias(bias, "output.bias", config.vocabulary, {{Space::vocabulary, 1}});
}

ops::Activations OutputMatrix::operator()(ops::Ops& ops, const Config& config, const ops::Normed& x) const {
  ops::Activations logits = ops.matmul(matrix, x, bias);
  if (config.logit_scale != 1) logits = ops.scale(logits, config.logit_scale);
  return config.logit_cap == 0 ? logits : ops.soft_cap(logits, config.logit_cap);
}

}  // namespace yoke::model
