// The "IQ" formats of one to three bits: super-blocks of 256 values in eight parts of 32. What lies side by
// side in a part, eight values of IQ1 and IQ2 and four of IQ3, is a point of a grid (iq_grids.h): a block
// stores its number. As they lie in a GGUF file, little-endian. There is no encoder: which points are best
// depends on a model's activations, which nothing here measures.
//
// Every value is an f16 times a small whole number, or times eighths or quarters of one, exact in float32.
//
// Signs of eight values are the bits of a byte, 1 for minus, the first value's lowest. Where seven are
// stored, the eighth is the one that makes the number of minus signs even.
#pragma once

#include <cstdint>
#include <span>

namespace yoke::quant {

/// Of a part: four times seven signs, the first lowest, then a scale in the four highest bits.
struct SignsAndScale {
  std::uint8_t bytes[4];
};

/// x = ± d · (2 scale + 1) / 8 · magnitude.
struct BlockIQ2_XXS {
  static constexpr int values = 256;
  std::uint16_t d;  // f16
  struct {
    std::uint8_t points[4];  // of iq2_xxs_grid
    SignsAndScale signs;
  } parts[8];
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

/// x = ± d · (2 scale + 1) / 8 · magnitude, with sub-blocks of 16.
struct BlockIQ2_XS {
  static constexpr int values = 256;
  std::uint16_t d;           // f16
  std::uint16_t points[32];  // of iq2_xs_grid: nine bits of each, with seven signs above
  std::uint8_t scales[8];    // of a part: the first half's in the low half
};
static_assert(sizeof(BlockIQ2_XS) == 74);

/// x = ± d · (2 scale + 1) / 8 · magnitude, with sub-blocks of 16.
struct BlockIQ2_S {
  static constexpr int values = 256;
  std::uint16_t d;          // f16
  std::uint8_t points[32];  // of iq2_s_grid: the eight lower bits
  std::uint8_t signs[32];
  std::uint8_t high[8];    // of a part: the two higher bits of point i are bits 2 i and on
  std::uint8_t scales[8];  // as in BlockIQ2_XS
};
static_assert(sizeof(BlockIQ2_S) == 82);

/// x = ± d · (2 scale + 1) / 4 · magnitude.
struct BlockIQ3_XXS {
  static constexpr int values = 256;
  std::uint16_t d;          // f16
  std::uint8_t points[64];  // of iq3_xxs_grid
  SignsAndScale signs[8];
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

/// x = ± d · (2 scale + 1) · magnitude.
struct BlockIQ3_S {
  static constexpr int values = 256;
  std::uint16_t d;          // f16
  std::uint8_t points[64];  // of iq3_s_grid: the eight lower bits
  std::uint8_t high[8];     // of a part: the ninth bit of point i is bit i
  std::uint8_t signs[32];
  std::uint8_t scales[4];  // of part i: half i % 2 of [i / 2]
};
static_assert(sizeof(BlockIQ3_S) == 110);

/// x = d · (2 scale + 1) · (value ± 1/8).
struct BlockIQ1_S {
  static constexpr int values = 256;
  std::uint16_t d;          // f16
  std::uint8_t points[32];  // of iq1_grid: the eight lower bits
  /// Of a part: the three higher bits of point i are bits 3 i and on, the scale is bits 12 to 14, and bit 15
  /// says that the eighth is subtracted.
  std::uint16_t high[8];
};
static_assert(sizeof(BlockIQ1_S) == 50);

/// x = d · (2 scale + 1) · (value ± 1/8), with sub-blocks of 16.
struct BlockIQ1_M {
  static constexpr int values = 256;
  std::uint8_t points[32];  // of iq1_grid: the eight lower bits
  std::uint8_t high[16];  // of point i, in half i % 2 of [i / 2]: three higher bits, then, as a fourth, that
                          // its eighths are subtracted
  std::uint16_t scales[4];  // of sub-block i: bits 3·(i % 4) and on of [i / 4]; the four highest bits of all,
                            // the first lowest, are d, an f16
};
static_assert(sizeof(BlockIQ1_M) == 56);

void decode(const BlockIQ2_XXS& block, std::span<float, BlockIQ2_XXS::values> out);
void decode(const BlockIQ2_XS& block, std::span<float, BlockIQ2_XS::values> out);
void decode(const BlockIQ2_S& block, std::span<float, BlockIQ2_S::values> out);
void decode(const BlockIQ3_XXS& block, std::span<float, BlockIQ3_XXS::values> out);
void decode(const BlockIQ3_S& block, std::span<float, BlockIQ3_S::values> out);
void decode(const BlockIQ1_S& block, std::span<float, BlockIQ1_S::values> out);
void decode(const BlockIQ1_M& block, std::span<float, BlockIQ1_M::values> out);

}  // namespace yoke::quant
