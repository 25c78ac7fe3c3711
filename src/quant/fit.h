// What the encoders share: the scale, and where a format has one the offset, under which values come closest
// to small whole numbers. Sums run over eight lanes, as vectors do, in one order: results are the same
// everywhere. Lengths are multiples of eight.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace yoke::quant {

/// The whole numbers that a format stores, ends included.
struct Codes {
  int low;
  int high;
};

/// x ≈ scale · q + offset
struct Line {
  float scale = 0;
  float offset = 0;
};

/// How much a value's error counts: 1 + |x| / (root mean square of `in`). Large weights matter more than
/// their number says, but small ones must not be given up for them. All 1 where `in` is all zeros.
void weigh(std::span<const float> in, std::span<float> weights);

/// 0 where the inverse is not finite: such a scale is 0 in f16, and so is every value of its block.
float inverse_or_zero(float d);

/// The code nearest to `scaled`, ties to even, as a float; a NaN becomes codes.low. Vectors can do all of it.
inline float nearest_code(float scaled, Codes codes) {
  const float low = static_cast<float>(codes.low);
  const float high = static_cast<float>(codes.high);
  scaled = scaled > low ? scaled : low;
  scaled = scaled < high ? scaled : high;
  constexpr float rounder = 0x1.8p23f;  // adding it leaves no place for a fraction
  return (scaled + rounder) - rounder;
}

/// The code of x on a line, `inverse` being inverse_or_zero(line.scale).
inline float code_on(Line line, float inverse, float x, Codes codes) {
  return nearest_code((x - line.offset) * inverse, codes);
}

/// Σ weight · (x − its nearest value on the line)².
float error_on(Line line, std::span<const float> in, std::span<const float> weights, Codes codes);

/// The scale of the plain encoder: the value of largest magnitude becomes the code of largest magnitude.
float plain_scale(std::span<const float> in, Codes codes);
/// The offset-free line of least error among those tried: plain scales that are up to one code wider or
/// narrower, each made the least-squares scale of the codes it gives.
float fit_scale(std::span<const float> in, std::span<const float> weights, Codes codes);

/// Where the offsets of a format may lie.
enum class Offsets { any, not_positive };
/// The line of the plain encoder, from the smallest value (code 0) to the largest (code `high`).
Line plain_line(std::span<const float> in, int high, Offsets offsets);
/// As fit_scale, for lines with an offset and codes 0..high. Its scale is never negative.
Line fit_line(std::span<const float> in, std::span<const float> weights, int high, Offsets offsets);

}  // namespace yoke::quant
