// Encoders of the K formats. Each sub-block is fitted by itself; the scales (and minima) found are stored as
// whole numbers of the super-block's, and only then do values get their codes, for the scales as stored. The
// same is done with plain scales, and of the two encodings the closer one is kept.
#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>

#include "quant/fit.h"
#include "quant/half.h"
#include "quant/k_blocks.h"

namespace yoke::quant {
namespace {

constexpr std::size_t super_values = 256;
constexpr std::size_t most_subs = 16;
using Input = std::span<const float, super_values>;

/// A super-block format: how long sub-blocks are, whether they have minima, and the ranges of values' codes
/// and of stored scales (stored minima go from 0 to scales.high).
struct Shape {
  std::size_t sub_values;
  bool has_min;
  Codes codes;
  Codes scales;

  std::size_t subs() const { return super_values / sub_values; }
  std::span<const float> sub(std::span<const float> values, std::size_t i) const {
    return values.subspan(i * sub_values, sub_values);
  }
};

constexpr Shape q2_k{16, true, {0, 3}, {0, 15}};
constexpr Shape q3_k{16, false, {-4, 3}, {-32, 31}};
constexpr Shape q4_k{32, true, {0, 15}, {0, 63}};
constexpr Shape q5_k{32, true, {0, 31}, {0, 63}};
constexpr Shape q6_k{16, false, {-32, 31}, {-128, 127}};

using Lines = std::array<Line, most_subs>;

/// A super-block before it is packed.
struct Encoded {
  std::uint16_t d = 0, dmin = 0;  // f16
  std::array<int, most_subs> scales{}, mins{};
  std::array<int, super_values> codes{};  // counted from 0
};

/// Scales for a whole super-block, and the weighted square error that they lead to.
struct Scales {
  Encoded block;
  float error = 0;
};

Line stored_line(const Encoded& block, std::size_t sub) {
  return {f16_to_f32(block.d) * static_cast<float>(block.scales[sub]),
          -(f16_to_f32(block.dmin) * static_cast<float>(block.mins[sub]))};
}

int nearest(float value, std::uint16_t unit, Codes codes) {
  return static_cast<int>(nearest_code(value * inverse_or_zero(f16_to_f32(unit)), codes));
}

/// The range of one below to one above `code`.
Codes around(int code, Codes codes) {
  return {std::max(code - 1, codes.low), std::min(code + 1, codes.high)};
}

/// Stores a sub-block's line: as the nearest scale and min, or as neighbours of them where those give less
/// error, since the two make up for each other's rounding. Returns the error.
float store_line(Encoded& block, std::size_t sub, Line line, const Shape& shape, std::span<const float> in,
                 std::span<const float> weights) {
  const int scale = nearest(line.scale, block.d, shape.scales);
  const int min = nearest(-line.offset, block.dmin, {0, shape.scales.high});
  const Codes scales = around(scale, shape.scales);
  const Codes mins = shape.has_min ? around(min, {0, shape.scales.high}) : Codes{0, 0};
  Encoded tried = block;
  float least = std::numeric_limits<float>::infinity();
  block.scales[sub] = scale;
  block.mins[sub] = min;
  for (tried.scales[sub] = scales.low; tried.scales[sub] <= scales.high; ++tried.scales[sub]) {
    for (tried.mins[sub] = mins.low; tried.mins[sub] <= mins.high; ++tried.mins[sub]) {
      const float error = error_on(stored_line(tried, sub), in, weights, shape.codes);
      if (error >= least) continue;
      least = error;
      block.scales[sub] = tried.scales[sub];
      block.mins[sub] = tried.mins[sub];
    }
  }
  return least;
}

/// Stores the lines of all sub-blocks, in units that put the largest scale and min at the ends of their
/// ranges.
Scales store_lines(const Lines& lines, const Shape& shape, std::span<const float> in,
                   std::span<const float> weights) {
  std::array<float, most_subs> scales{};
  std::array<float, most_subs> mins{};
  for (std::size_t sub = 0; sub < shape.subs(); ++sub) {
    scales[sub] = lines[sub].scale;
    mins[sub] = -lines[sub].offset;
  }
  Scales stored;
  stored.block.d = f32_to_f16(plain_scale(scales, shape.scales));
  stored.block.dmin = f32_to_f16(plain_scale(mins, {0, shape.scales.high}));
  for (std::size_t sub = 0; sub < shape.subs(); ++sub) {
    stored.error +=
        store_line(stored.block, sub, lines[sub], shape, shape.sub(in, sub), shape.sub(weights, sub));
  }
  return stored;
}

Line fitted(const Shape& shape, std::span<const float> in, std::span<const float> weights) {
  if (shape.has_min) return fit_line(in, weights, shape.codes.high, Offsets::not_positive);
  return {fit_scale(in, weights, shape.codes), 0};
}

Line plain(const Shape& shape, std::span<const float> in) {
  if (shape.has_min) return plain_line(in, shape.codes.high, Offsets::not_positive);
  return {plain_scale(in, shape.codes), 0};
}

void put_codes(Encoded& block, const Shape& shape, Input in) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Line line = stored_line(block, i / shape.sub_values);
    const float code = code_on(line, inverse_or_zero(line.scale), in[i], shape.codes);
    block.codes[i] = static_cast<int>(code) - shape.codes.low;
  }
}

Encoded encoded(Input in, const Shape& shape) {
  assert(std::all_of(in.begin(), in.end(), [](float x) { return std::isfinite(x); }));
  std::array<float, super_values> weights{};
  weigh(in, weights);
  Lines fits{};
  Lines plains{};
  for (std::size_t sub = 0; sub < shape.subs(); ++sub) {
    fits[sub] = fitted(shape, shape.sub(in, sub), shape.sub(weights, sub));
    plains[sub] = plain(shape, shape.sub(in, sub));
  }
  const Scales by_fit = store_lines(fits, shape, in, weights);
  const Scales by_ends = store_lines(plains, shape, in, weights);
  Encoded block = by_ends.error < by_fit.error ? by_ends.block : by_fit.block;
  put_codes(block, shape, in);
  return block;
}

// ---- Packing, the inverse of what k_blocks.h says

void pack_two_bits(const Encoded& from, int shift, std::uint8_t (&to)[64]) {
  std::fill(std::begin(to), std::end(to), std::uint8_t{0});
  for (std::size_t i = 0; i < super_values; ++i) {
    std::uint8_t& byte = to[i / 128 * 32 + i % 32];
    byte = static_cast<std::uint8_t>(byte | (from.codes[i] >> shift & 3) << (2 * (i / 32 % 4)));
  }
}

void pack_four_bits(const Encoded& from, std::uint8_t (&to)[128]) {
  for (std::size_t i = 0; i < 128; ++i) {
    const std::size_t first = i / 32 * 64 + i % 32;
    to[i] = static_cast<std::uint8_t>((from.codes[first] & 0xf) | (from.codes[first + 32] & 0xf) << 4);
  }
}

void pack_high_bit(const Encoded& from, int bit, std::uint8_t (&to)[32]) {
  std::fill(std::begin(to), std::end(to), std::uint8_t{0});
  for (std::size_t i = 0; i < super_values; ++i) {
    to[i % 32] = static_cast<std::uint8_t>(to[i % 32] | (from.codes[i] >> bit & 1) << (i / 32));
  }
}

ScalesAndMins packed_scales(const Encoded& from) {
  ScalesAndMins packed{};
  for (std::size_t i = 0; i < 4; ++i) {
    const int scale = from.scales[i + 4];
    const int min = from.mins[i + 4];
    packed.bytes[i] = static_cast<std::uint8_t>(from.scales[i] | scale >> 4 << 6);
    packed.bytes[i + 4] = static_cast<std::uint8_t>(from.mins[i] | min >> 4 << 6);
    packed.bytes[i + 8] = static_cast<std::uint8_t>((scale & 0xf) | (min & 0xf) << 4);
  }
  return packed;
}

}  // namespace

void encode(Input in, BlockQ2_K& block) {
  const Encoded from = encoded(in, q2_k);
  block.d = from.d;
  block.dmin = from.dmin;
  for (std::size_t i = 0; i < 16; ++i) {
    block.scales[i] = static_cast<std::uint8_t>(from.scales[i] | from.mins[i] << 4);
  }
  pack_two_bits(from, 0, block.q);
}

void encode(Input in, BlockQ3_K& block) {
  const Encoded from = encoded(in, q3_k);
  block.d = from.d;
  std::fill(std::begin(block.scales), std::end(block.scales), std::uint8_t{0});
  for (std::size_t i = 0; i < 16; ++i) {
    const int scale = from.scales[i] - q3_k.scales.low;
    std::uint8_t& low = block.scales[i % 8];
    std::uint8_t& high = block.scales[8 + i % 4];
    low = static_cast<std::uint8_t>(low | (scale & 0xf) << (4 * (i / 8)));
    high = static_cast<std::uint8_t>(high | (scale >> 4) << (2 * (i / 4)));
  }
  pack_two_bits(from, 0, block.q);
  pack_high_bit(from, 2, block.high);
}

void encode(Input in, BlockQ4_K& block) {
  const Encoded from = encoded(in, q4_k);
  block.d = from.d;
  block.dmin = from.dmin;
  block.scales = packed_scales(from);
  pack_four_bits(from, block.q);
}

void encode(Input in, BlockQ5_K& block) {
  const Encoded from = encoded(in, q5_k);
  block.d = from.d;
  block.dmin = from.dmin;
  block.scales = packed_scales(from);
  pack_four_bits(from, block.q);
  pack_high_bit(from, 4, block.high);
}

void encode(Input in, BlockQ6_K& block) {
  const Encoded from = encoded(in, q6_k);
  block.d = from.d;
  for (std::size_t i = 0; i < 16; ++i) block.scales[i] = static_cast<std::int8_t>(from.scales[i]);
  for (std::size_t i = 0; i < 128; ++i) {
    const std::size_t first = i / 64 * 128 + i % 64;
    block.low[i] = static_cast<std::uint8_t>((from.codes[first] & 0xf) | (from.codes[first + 64] & 0xf) << 4);
  }
  pack_two_bits(from, 4, block.high);
}

}  // namespace yoke::quant
