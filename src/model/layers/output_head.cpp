#include "model/layers/output_head.h"

namespace yoke::model {

void OutputHead::add_tensors(TableBuilder& table, const Config& config) {
  table.whole(norm, "output_norm.weight", config.dim);
  table.rows(matrix, "output.weight", {config.vocabulary, config.dim}, {{Space::vocabulary, 1}});
  table.or_else("token_embd.weight");
}

ops::Activations OutputHead::operator()(ops::Ops& ops, ops::Activations x, float epsilon) const {
  return ops.matmul(matrix, ops.rms_norm(x, norm, epsilon), {});
}

}  // namespace yoke::model
