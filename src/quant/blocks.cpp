#include "quant/blocks.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <limits>

#include "quant/fit.h"
#include "quant/half.h"

namespace yoke::quant {
namespace {

/// The 5-bit q of value i.
template <class Block>
int five_bits(const Block& block, std::size_t i) {
  const int low = i < 16 ? block.q[i] & 0xf : block.q[i - 16] >> 4;
  const int high = block.high[i / 8] >> (i % 8) & 1;
  return low | high << 4;
}

/// What encoders of 32 values work on.
struct Source {
  explicit Source(std::span<const float, 32> values) : in(values) {
    assert(std::all_of(in.begin(), in.end(), [](float x) { return std::isfinite(x); }));
    weigh(in, weights);
  }
  std::span<const float, 32> in;
  std::array<float, 32> weights{};
};

/// A line as two f16.
Line as_stored(Line line) {
  return {f16_to_f32(f32_to_f16(line.scale)), f16_to_f32(f32_to_f16(line.offset))};
}

/// The line of least error as it is stored; the first where none is better.
Line best_of(std::initializer_list<Line> lines, const Source& from, Codes codes) {
  Line best = as_stored(*lines.begin());
  float least = std::numeric_limits<float>::infinity();
  for (const Line& line : lines) {
    const Line stored = as_stored(line);
    if (const float error = error_on(stored, from.in, from.weights, codes); error < least) {
      least = error;
      best = stored;
    }
  }
  return best;
}

/// A line that starts at an offset as stored. Where values are far from zero, rounding the offset to f16
/// moves it by more than a code, and the scale must make up for that.
Line from_stored_offset(float offset, const Source& from, Codes codes) {
  offset = as_stored({0, offset}).offset;
  std::array<float, 32> above{};
  for (std::size_t i = 0; i < above.size(); ++i) above[i] = from.in[i] - offset;
  return {fit_scale(above, from.weights, codes), offset};
}

Line best_line(const Source& from, int high) {
  const Codes codes{0, high};
  const Line plain = plain_line(from.in, high, Offsets::any);
  const Line fit = fit_line(from.in, from.weights, high, Offsets::any);
  return best_of({fit, plain, from_stored_offset(fit.offset, from, codes),
                  from_stored_offset(plain.offset, from, codes)},
                 from, codes);
}

std::array<int, 32> codes_on(Line line, const Source& from, Codes codes) {
  const float inverse = inverse_or_zero(line.scale);
  std::array<int, 32> found{};
  for (std::size_t i = 0; i < found.size(); ++i) {
    found[i] = static_cast<int>(code_on(line, inverse, from.in[i], codes)) - codes.low;
  }
  return found;
}

void pack_four_bits(const std::array<int, 32>& codes, std::uint8_t (&q)[16]) {
  for (std::size_t i = 0; i < 16; ++i) {
    q[i] = static_cast<std::uint8_t>((codes[i] & 0xf) | (codes[i + 16] & 0xf) << 4);
  }
}

void pack_fifth_bit(const std::array<int, 32>& codes, std::uint8_t (&high)[4]) {
  std::fill(std::begin(high), std::end(high), std::uint8_t{0});
  for (std::size_t i = 0; i < 32; ++i) {
    high[i / 8] = static_cast<std::uint8_t>(high[i / 8] | codes[i] >> 4 << (i % 8));
  }
}

}  // namespace

void decode(const BlockQ8_0& block, std::span<float, BlockQ8_0::values> out) {
  const float d = f16_to_f32(block.d);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = d * static_cast<float>(block.q[i]);
}

void decode(const BlockQ4_0& block, std::span<float, BlockQ4_0::values> out) {
  constexpr std::size_t half = BlockQ4_0::values / 2;
  const float d = f16_to_f32(block.d);
  for (std::size_t i = 0; i < half; ++i) {
    out[i] = d * static_cast<float>((block.q[i] & 0xf) - 8);
    out[i + half] = d * static_cast<float>((block.q[i] >> 4) - 8);
  }
}

void decode(const BlockQ4_1& block, std::span<float, BlockQ4_1::values> out) {
  constexpr std::size_t half = BlockQ4_1::values / 2;
  const float d = f16_to_f32(block.d);
  const float m = f16_to_f32(block.m);
  for (std::size_t i = 0; i < half; ++i) {
    out[i] = d * static_cast<float>(block.q[i] & 0xf) + m;
    out[i + half] = d * static_cast<float>(block.q[i] >> 4) + m;
  }
}

void decode(const BlockQ5_0& block, std::span<float, BlockQ5_0::values> out) {
  const float d = f16_to_f32(block.d);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = d * static_cast<float>(five_bits(block, i) - 16);
}

void decode(const BlockQ5_1& block, std::span<float, BlockQ5_1::values> out) {
  const float d = f16_to_f32(block.d);
  const float m = f16_to_f32(block.m);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = d * static_cast<float>(five_bits(block, i)) + m;
}

void encode(std::span<const float, BlockQ8_0::values> in, BlockQ8_0& block) {
  float largest = 0;
  for (const float x : in) {
    assert(std::isfinite(x));
    largest = std::max(largest, std::abs(x));
  }
  const float d = largest / 127.0f;
  const float inverse = inverse_or_zero(d);
  block.d = f32_to_f16(d);
  for (std::size_t i = 0; i < in.size(); ++i)
    block.q[i] = static_cast<std::int8_t>(std::round(in[i] * inverse));
}

void encode(std::span<const float, BlockQ4_0::values> in, BlockQ4_0& block) {
  constexpr std::size_t half = BlockQ4_0::values / 2;
  float extreme = 0;  // with its sign; the first of several
  for (const float x : in) {
    assert(std::isfinite(x));
    if (std::abs(x) > std::abs(extreme)) extreme = x;
  }
  const float d = extreme / -8.0f;
  const float inverse = inverse_or_zero(d);
  const auto quant = [inverse](float x) {
    return static_cast<std::uint8_t>(std::min(15, static_cast<int>(x * inverse + 8.5f)));
  };
  block.d = f32_to_f16(d);
  for (std::size_t i = 0; i < half; ++i) {
    block.q[i] = static_cast<std::uint8_t>(quant(in[i]) | quant(in[i + half]) << 4);
  }
}

void encode(std::span<const float, BlockQ4_1::values> in, BlockQ4_1& block) {
  const Source from(in);
  const Line line = best_line(from, 15);
  block.d = f32_to_f16(line.scale);
  block.m = f32_to_f16(line.offset);
  pack_four_bits(codes_on(line, from, {0, 15}), block.q);
}

void encode(std::span<const float, BlockQ5_0::values> in, BlockQ5_0& block) {
  constexpr Codes range{-16, 15};
  const Source from(in);
  const Line line =
      best_of({{fit_scale(in, from.weights, range), 0}, {plain_scale(in, range), 0}}, from, range);
  const std::array<int, 32> codes = codes_on(line, from, range);
  block.d = f32_to_f16(line.scale);
  pack_four_bits(codes, block.q);
  pack_fifth_bit(codes, block.high);
}

void encode(std::span<const float, BlockQ5_1::values> in, BlockQ5_1& block) {
  const Source from(in);
  const Line line = best_line(from, 31);
  const std::array<int, 32> codes = codes_on(line, from, {0, 31});
  block.d = f32_to_f16(line.scale);
  block.m = f32_to_f16(line.offset);
  pack_four_bits(codes, block.q);
  pack_fifth_bit(codes, block.high);
}

}  // namespace yoke::quant
