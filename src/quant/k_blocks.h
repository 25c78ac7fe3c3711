// The "K" formats: super-blocks of 256 values in sub-blocks of 16 or 32, whose own scales (and minima) are
// small integers times one f16 of the super-block. As they lie in a GGUF file, little-endian.
//
// Every product of an f16, a sub-block's scale and a q is exact in float32 or rounded once (Q6_K), and so is
// the subtraction of a minimum: a fused multiply-add gives the same bits.
#pragma once

#include <cstdint>
#include <span>

namespace yoke::quant {

/// x = d · scale · q − dmin · min, with q in 0..3 and sub-blocks of 16.
struct BlockQ2_K {
  static constexpr int values = 256;
  std::uint8_t scales[16];  // scale in the low half, min in the high half
  std::uint8_t q[64];       // value i: bits 2·(i / 32 % 4) and on of q[i / 128 · 32 + i % 32]
  std::uint16_t d;          // f16
  std::uint16_t dmin;       // f16
};
static_assert(sizeof(BlockQ2_K) == 84);

/// x = d · (scale − 32) · (q − 4), with q in 0..7, scale in 0..63 and sub-blocks of 16.
struct BlockQ3_K {
  static constexpr int values = 256;
  std::uint8_t high[32];    // third bit of value i: bit i / 32 of high[i % 32]
  std::uint8_t q[64];       // the two lower bits, as in BlockQ2_K
  std::uint8_t scales[12];  // scale i: low four bits in half i / 8 of [i % 8]; the others bits 2·(i / 4) and
                            // on of [8 + i % 4]
  std::uint16_t d;          // f16
};
static_assert(sizeof(BlockQ3_K) == 110);

/// Eight pairs of a 6-bit scale and a 6-bit min. i < 4: scale in bytes[i], min in bytes[i + 4], six low bits
/// each. i ≥ 4: four low bits in the halves of bytes[i + 4] (scale low, min high), the two others on top of
/// bytes[i − 4] (scale) and bytes[i] (min).
struct ScalesAndMins {
  std::uint8_t bytes[12];
};

/// x = d · scale · q − dmin · min, with q in 0..15 and sub-blocks of 32.
struct BlockQ4_K {
  static constexpr int values = 256;
  std::uint16_t d;     // f16
  std::uint16_t dmin;  // f16
  ScalesAndMins scales;
  std::uint8_t q[128];  // value i: half i / 32 % 2 of q[i / 64 · 32 + i % 32]
};
static_assert(sizeof(BlockQ4_K) == 144);

/// x = d · scale · q − dmin · min, with q in 0..31 and sub-blocks of 32.
struct BlockQ5_K {
  static constexpr int values = 256;
  std::uint16_t d;     // f16
  std::uint16_t dmin;  // f16
  ScalesAndMins scales;
  std::uint8_t high[32];  // fifth bit of value i: bit i / 32 of high[i % 32]
  std::uint8_t q[128];    // the four lower bits, as in BlockQ4_K
};
static_assert(sizeof(BlockQ5_K) == 176);

/// x = d · scale · (q − 32), with q in 0..63 and sub-blocks of 16.
struct BlockQ6_K {
  static constexpr int values = 256;
  std::uint8_t low[128];  // four lower bits of value i: half i / 64 % 2 of low[i / 128 · 64 + i % 64]
  std::uint8_t high[64];  // the two others: bits 2·(i / 32 % 4) and on of high[i / 128 · 32 + i % 32]
  std::int8_t scales[16];
  std::uint16_t d;  // f16
};
static_assert(sizeof(BlockQ6_K) == 210);

void decode(const BlockQ2_K& block, std::span<float, BlockQ2_K::values> out);
void decode(const BlockQ3_K& block, std::span<float, BlockQ3_K::values> out);
void decode(const BlockQ4_K& block, std::span<float, BlockQ4_K::values> out);
void decode(const BlockQ5_K& block, std::span<float, BlockQ5_K::values> out);
void decode(const BlockQ6_K& block, std::span<float, BlockQ6_K::values> out);

// Values must be finite; a scale of the super-block that does not fit f16 becomes infinite. The error that is
// kept small is that of fit.h's weigh(); no plain encoder, from smallest to largest value, has less of it.
void encode(std::span<const float, BlockQ2_K::values> in, BlockQ2_K& block);
void encode(std::span<const float, BlockQ3_K::values> in, BlockQ3_K& block);
void encode(std::span<const float, BlockQ4_K::values> in, BlockQ4_K& block);
void encode(std::span<const float, BlockQ5_K::values> in, BlockQ5_K& block);
void encode(std::span<const float, BlockQ6_K::values> in, BlockQ6_K& block);

}  // namespace yoke::quant
