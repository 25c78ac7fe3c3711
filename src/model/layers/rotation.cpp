#include "model/layers/rotation.h"

#include <cmath>
#include <string_view>

#include "base/error.h"

namespace yoke::model {
namespace {

constexpr const char* one_set = "rope_freqs.weight";
constexpr const char* short_set = "rope_factors_short.weight";
constexpr const char* long_set = "rope_factors_long.weight";

void check_divisors(const std::vector<float>& values, std::string_view tensor, const Config& config) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    require(
        std::isfinite(values[i]) && values[i] > 0,
        "{}value {} of tensor '{}' is {}; expected positive numbers, which divide a rotation's frequencies",
        config.where, i, tensor, values[i]);
  }
}

}  // namespace

void Rotation::add_tensors(TableBuilder& table, const Config& config) {
  const std::int64_t pairs = config.rope.dims / 2;
  if (kind == Factors::one) table.values(factors, one_set, pairs);
  if (kind == Factors::by_length) {
    table.values(factors, short_set, pairs);
    table.values(long_factors, long_set, pairs);
    if (config.rope.scaling != RopeScaling::longrope) return;
    for (const char* set : {short_set, long_set}) table.must_have(set);
  }
}

void Rotation::prepare(ops::Ops& ops, const Config& config, std::int64_t positions) {
  check_divisors(factors, kind == Factors::one ? one_set : short_set, config);
  check_divisors(long_factors, long_set, config);
  require(kind != Factors::by_length || factors.empty() == long_factors.empty(),
          "{}tensor '{}' is missing; the model needs it, as it has '{}'", config.where,
          factors.empty() ? short_set : long_set, factors.empty() ? long_set : short_set);
  const bool long_text =
      !long_factors.empty() && static_cast<double>(positions) > config.rope.original_context;
  rope = ops.make_rope(rope_spec(config.rope, style, long_text ? long_factors : factors));
  if (windowed) windowed_rope = ops.make_rope(rope_spec(*windowed, style, {}));
}

}  // namespace yoke::model
