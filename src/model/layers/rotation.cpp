#include "model/layers/rotation.h"

namespace yoke::model {

void Rotation::add_tensors(TableBuilder& table, const Config& config) {
  if (may_have_factors) table.values(factors, "rope_freqs.weight", config.rope.dims / 2);
}

void Rotation::prepare(ops::Ops& ops, const Config& config) {
  rope = ops.make_rope(rope_spec(config.rope, style, factors));
}

}  // namespace yoke::model
