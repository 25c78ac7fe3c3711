// The block formats as they lie in a GGUF file, little-endian, one struct each; `values` says how many values
// a block holds. decode() and encode() are the scalar definitions that every kernel is tested against.
#pragma once

#include <cstdint>
#include <span>

namespace yoke::quant {

/// x = d · q, with q in -128..127.
struct BlockQ8_0 {
  static constexpr int values = 32;
  std::uint16_t d;  // f16
  std::int8_t q[values];
};
static_assert(sizeof(BlockQ8_0) == 34);

/// x = d · (q - 8), with q in 0..15: value i < 16 in the low half of q[i], value i + 16 in its high half.
struct BlockQ4_0 {
  static constexpr int values = 32;
  std::uint16_t d;  // f16; the value of largest magnitude is -8 d, so d may be negative
  std::uint8_t q[values / 2];
};
static_assert(sizeof(BlockQ4_0) == 18);

void decode(const BlockQ8_0& block, std::span<float, BlockQ8_0::values> out);
void decode(const BlockQ4_0& block, std::span<float, BlockQ4_0::values> out);

// Values must be finite; the scale must fit f16, or it becomes infinite. It is computed in float32, values
// are divided by that, and only then is it rounded to f16: what other GGUF writers do, whose bits are
// matched.
void encode(std::span<const float, BlockQ8_0::values> in, BlockQ8_0& block);
void encode(std::span<const float, BlockQ4_0::values> in, BlockQ4_0& block);

}  // namespace yoke::quant
