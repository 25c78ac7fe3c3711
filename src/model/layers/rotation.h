// The rotation of queries and keys that layers share.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/config.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// Su et al., https://arxiv.org/abs/2104.09864.
struct Rotation {
  /// Tensors of divisors of the frequencies, (rope.dims / 2): files may have none, unless they name LongRoPE;
  /// one set (`rope_freqs`,
  /// Llama 3.1); or two, for texts within the original context and beyond (LongRoPE, Ding et al.,
  /// https://arxiv.org/abs/2402.13753).
  enum class Factors : std::uint8_t { none, one, by_length };

  ops::RopeStyle style = ops::RopeStyle::interleaved;
  Factors kind = Factors::none;
  std::optional<RopeConfig> windowed;  // of layers with a window, where those rotate otherwise

  std::vector<float> factors, long_factors;
  ops::Rope rope, windowed_rope;

  Rotation(ops::RopeStyle style_, Factors kind_ = Factors::none, std::optional<RopeConfig> windowed_ = {})
      : style(style_), kind(kind_), windowed(windowed_) {}

  void add_tensors(TableBuilder& table, const Config& config);
  /// `positions` is how many a sequence may have. Throws Error where the file's factors divide nothing, or it
  /// has one of two sets.
  void prepare(ops::Ops& ops, const Config& config, std::int64_t positions);
  const ops::Rope& of(const LayerConfig& layer) const {
    return windowed && layer.window > 0 ? windowed_rope : rope;
  }
};

}  // namespace yoke::model
