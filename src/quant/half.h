// The two 16-bit floating-point types, as bit patterns: f16 is IEEE 754 binary16, bf16 the upper half of a
// float32. Narrowing rounds to nearest, ties to even; subnormals are kept; NaN stays NaN with its sign and
// upper payload bits, and comes out quiet (except where bf16 widens, which moves bits only), as the
// processors' own instructions do it.
#pragma once

#include <bit>
#include <cstdint>

namespace yoke::quant {

constexpr float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: a whole number of 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  if (exponent == 0x1f) {
    const std::uint32_t quiet = fraction != 0 ? 0x00400000u : 0u;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | (fraction << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + (127 - 15)) << 23) | (fraction << 13));
}

constexpr std::uint16_t f32_to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const auto with_sign = [sign](std::uint32_t rest) { return static_cast<std::uint16_t>(sign | rest); };

  if (magnitude > 0x7f800000u) return with_sign(0x7e00u | ((magnitude >> 13) & 0x1ffu));  // NaN
  // From half-way between the largest f16 and the next power of two, 65520, everything rounds to infinity.
  if (magnitude >= 0x477ff000u) return with_sign(0x7c00u);
  if (magnitude < 0x38800000u) {
    // Below 2^-14 f16 values are whole numbers of 2^-24. So are float32 values in [0.5, 1): adding 0.5 makes
    // the addition round in the right place.
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return with_sign(std::bit_cast<std::uint32_t>(rounded) - std::bit_cast<std::uint32_t>(0.5f));
  }
  const std::uint32_t to_even = (magnitude >> 13) & 1u;
  const std::uint32_t rounded = magnitude + 0xfffu + to_even;  // a carry moves on into the exponent
  return with_sign((rounded - ((127u - 15u) << 23)) >> 13);
}

constexpr float bf16_to_f32(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

constexpr std::uint16_t f32_to_bf16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  const std::uint32_t to_even = (bits >> 16) & 1u;
  return static_cast<std::uint16_t>((bits + 0x7fffu + to_even) >> 16);
}

}  // namespace yoke::quant
