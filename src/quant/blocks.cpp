#include "quant/blocks.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "quant/half.h"

namespace yoke::quant {
namespace {

/// 0 where the inverse is not finite: such a scale is 0 in f16, and so is every value of its block.
float inverse_or_zero(float d) {
  const float inverse = 1.0f / d;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

/// The 5-bit q of value i.
template <class Block>
int five_bits(const Block& block, std::size_t i) {
  const int low = i < 16 ? block.q[i] & 0xf : block.q[i - 16] >> 4;
  const int high = block.high[i / 8] >> (i % 8) & 1;
  return low | high << 4;
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

}  // namespace yoke::quant
