// The block formats of 32 values as they lie in a GGUF file, little-endian, one struct each; `values` says
// how many values a block holds. decode() and encode() are the scalar definitions that every kernel is tested
// against. Super-blocks of 256 values are in k_blocks.h, formats with a table of values in table_blocks.h.
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

// In what follows the low half of q[i] belongs to value i < 16, the high half to value i + 16.

/// x = d · (q - 8), with q in 0..15.
struct BlockQ4_0 {
  static constexpr int values = 32;
  std::uint16_t d;  // f16; the value of largest magnitude is -8 d, so d may be negative
  std::uint8_t q[values / 2];
};
static_assert(sizeof(BlockQ4_0) == 18);

/// x = d · q + m, with q in 0..15.
struct BlockQ4_1 {
  static constexpr int values = 32;
  std::uint16_t d;  // f16
  std::uint16_t m;  // f16
  std::uint8_t q[values / 2];
};
static_assert(sizeof(BlockQ4_1) == 20);

/// x = d · (q - 16), with q in 0..31: its fifth bit is bit i % 8 of high[i / 8] for value i.
struct BlockQ5_0 {
  static constexpr int values = 32;
  std::uint16_t d;  // f16
  std::uint8_t high[values / 8];
  std::uint8_t q[values / 2];
};
static_assert(sizeof(BlockQ5_0) == 22);

/// x = d · q + m, with q in 0..31 as in BlockQ5_0.
struct BlockQ5_1 {
  static constexpr int values = 32;
  std::uint16_t d;  // f16
  std::uint16_t m;  // f16
  std::uint8_t high[values / 8];
  std::uint8_t q[values / 2];
};
static_assert(sizeof(BlockQ5_1) == 24);

void decode(const BlockQ8_0& block, std::span<float, BlockQ8_0::values> out);
void decode(const BlockQ4_0& block, std::span<float, BlockQ4_0::values> out);
void decode(const BlockQ4_1& block, std::span<float, BlockQ4_1::values> out);
void decode(const BlockQ5_0& block, std::span<float, BlockQ5_0::values> out);
void decode(const BlockQ5_1& block, std::span<float, BlockQ5_1::values> out);

// Values must be finite; the scale must fit f16, or it becomes infinite. It is computed in float32, values
// are divided by that, and only then is it rounded to f16: what other GGUF writers do, whose bits are
// matched.
void encode(std::span<const float, BlockQ8_0::values> in, BlockQ8_0& block);
void encode(std::span<const float, BlockQ4_0::values> in, BlockQ4_0& block);

// Values must be finite; a scale that does not fit f16 becomes infinite. The stored scale (and offset) is the
// one of least error, as weighed by fit.h's weigh(), among those tried; values are rounded under what is
// stored. No plain encoder, from smallest to largest value, has less of that error.
void encode(std::span<const float, BlockQ4_1::values> in, BlockQ4_1& block);
void encode(std::span<const float, BlockQ5_0::values> in, BlockQ5_0& block);
void encode(std::span<const float, BlockQ5_1::values> in, BlockQ5_1& block);

}  // namespace yoke::quant
