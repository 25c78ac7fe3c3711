#include "model/layers/rotation.h"

namespace yoke::model {

void Rotation::add_tensors(TableBuilder& table, const Config& config) {
  const std::int64_t pairs = config.rope.dims / 2;
  if (kind == Factors::one) table.values(factors, "rope_freqs.weight", pairs);
  if (kind == Factors::by_length) {
    table.values(factors, "rope_factors_short.weight", pairs);
    table.values(long_factors, "rope_factors_long.weight", pairs);
  }
}

void Rotation::prepare(ops::Ops& ops, const Config& config, std::int64_t positions) {
  const bool long_text =
      !long_factors.empty() && static_cast<double>(positions) > config.rope.original_context;
  rope = ops.make_rope(rope_spec(config.rope, style, long_text ? long_factors : factors));
  if (windowed) windowed_rope = ops.make_rope(rope_spec(*windowed, style, {}));
}

}  // namespace yoke::model
