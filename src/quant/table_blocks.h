// The block formats whose 4-bit codes stand for values of a table, as they lie in a GGUF file, little-endian.
#pragma once

#include <cstdint>
#include <span>

namespace yoke::quant {

/// What the codes of IQ4_NL and IQ4_XS stand for: closer together near zero, where most weights are.
inline constexpr std::int8_t iq4_table[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                              1,    13,   25,  38,  53,  69,  89,  113};

/// What the codes of MXFP4 stand for, in halves: FP4 E2M1 of the OCP Microscaling Formats specification 1.0,
/// sign in the highest bit. Minus zero is zero.
inline constexpr std::int8_t mxfp4_table[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// x = d · iq4_table[q]: value i < 16 in the low half of q[i], value i + 16 in its high half.
struct BlockIQ4_NL {
  static constexpr int values = 32;
  std::uint16_t d;  // f16
  std::uint8_t q[values / 2];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

/// x = d · (scale − 32) · iq4_table[q], with scale in 0..63 and sub-blocks of 32, each laid out as in
/// BlockIQ4_NL.
struct BlockIQ4_XS {
  static constexpr int values = 256;
  std::uint16_t d;             // f16
  std::uint16_t scales_high;   // two higher bits of scale i: bits 2 i and on
  std::uint8_t scales_low[4];  // four lower bits of scale i: half i % 2 of [i / 2]
  std::uint8_t q[values / 2];
};
static_assert(sizeof(BlockIQ4_XS) == 136);

/// x = 2^(e − 127) · mxfp4_table[q] / 2, laid out as in BlockIQ4_NL. e = 255, no number in the specification,
/// is taken as the formula says, as other GGUF readers do.
struct BlockMXFP4 {
  static constexpr int values = 32;
  std::uint8_t e;
  std::uint8_t q[values / 2];
};
static_assert(sizeof(BlockMXFP4) == 17);

void decode(const BlockIQ4_NL& block, std::span<float, BlockIQ4_NL::values> out);
void decode(const BlockIQ4_XS& block, std::span<float, BlockIQ4_XS::values> out);
void decode(const BlockMXFP4& block, std::span<float, BlockMXFP4::values> out);

/// Values must be finite. Each becomes the nearest of the table under the exponent of least error (as weighed
/// by fit.h's weigh()): the one of the specification, which may cut off up to a quarter of the largest value,
/// or a neighbour.
void encode(std::span<const float, BlockMXFP4::values> in, BlockMXFP4& block);

}  // namespace yoke::quant
