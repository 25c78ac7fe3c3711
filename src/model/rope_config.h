// How a model rotates queries and keys by their positions.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/ops.h"

namespace yoke::model {

/// How positions past the trained context are brought into it. LongRoPE is all in the factors that a file has
/// as tensors; there may be such where no scaling is named.
enum class RopeScaling : std::uint8_t { none, linear, yarn, longrope };

struct RopeConfig {
  std::int64_t dims = 0;  // of a head; even
  double base = 10000;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1;            // how far the context is stretched
  double original_context = 0;  // YaRN, LongRoPE: positions before stretching
  double attention_factor = 1;  // extra factor on the magnitude
  // YaRN: a pair that turns more often than beta_fast over the original context is not interpolated, one that
  // turns less often than beta_slow fully.
  double beta_fast = 32;
  double beta_slow = 1;
  /// YaRN of latent attention: what each e-fold of the factor adds to the root of the scores' scale. Where
  /// there is one, rotated values keep their magnitude.
  double log_multiplier = 0;
  bool at_end = false;  // whether the dimensions are a head's last, not its first
  /// What the file says of its scaling; Granite's models that deny it know no positions.
  bool finetuned = true;

  /// What YaRN multiplies queries and keys with, whether rotated or not.
  double score_magnitude() const;
};

/// Radians per position of each pair of dimensions, and the magnitude. `factors` (one per pair, or empty)
/// divide the frequencies, as Llama 3.1's `rope_freqs` do. YaRN after Peng et al.,
/// https://arxiv.org/abs/2309.00071, section 3.
ops::RopeSpec rope_spec(const RopeConfig& config, ops::RopeStyle style, const std::vector<float>& factors);

}  // namespace yoke::model
