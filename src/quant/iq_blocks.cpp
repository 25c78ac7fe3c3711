#include "quant/iq_blocks.h"

#include <bit>
#include <cstddef>

#include "quant/half.h"
#include "quant/iq_grids.h"

namespace yoke::quant {
namespace {

/// What a point of `bits` bits for each value has for value i.
std::size_t code_of(std::uint16_t point, std::size_t bits, std::size_t i) {
  return point >> (bits * i) & ((1u << bits) - 1);
}

/// Eight signs of seven.
unsigned with_eighth(unsigned seven) { return seven | static_cast<unsigned>(std::popcount(seven) & 1) << 7; }

struct PartSigns {
  unsigned scale;
  unsigned of_eight[4];

  explicit PartSigns(const SignsAndScale& packed) {
    std::uint32_t all = 0;
    for (unsigned i = 0; i < 4; ++i) all |= std::uint32_t{packed.bytes[i]} << (8 * i);
    scale = all >> 28;
    for (unsigned i = 0; i < 4; ++i) of_eight[i] = with_eighth(all >> (7 * i) & 127);
  }
};

/// ± scale · magnitude of the values of a point.
template <std::size_t n>
void decode_point(std::uint16_t point, const std::int8_t (&magnitudes)[n], float scale, unsigned signs,
                  float* out) {
  constexpr std::size_t bits = n > 4 ? 3 : 2;
  for (std::size_t i = 0; i < (bits == 3 ? 4 : 8); ++i) {
    const float x = scale * static_cast<float>(magnitudes[code_of(point, bits, i)]);
    out[i] = (signs >> i & 1) != 0 ? -x : x;
  }
}

/// scale · (value ± 1/8) of the eight values of a point.
void decode_iq1_point(std::uint16_t point, float scale, bool subtracts, float* out) {
  const float delta = subtracts ? -0.125f : 0.125f;
  for (std::size_t i = 0; i < 8; ++i) out[i] = scale * (iq1_values[code_of(point, 2, i)] + delta);
}

/// d · (2 scale + 1)
float odd_multiple(float d, unsigned scale) { return d * static_cast<float>(2 * scale + 1); }

/// Scale i of those in halves of bytes.
unsigned half_byte(const std::uint8_t* bytes, std::size_t i) { return bytes[i / 2] >> (4 * (i % 2)) & 15; }

}  // namespace

void decode(const BlockIQ2_XXS& block, std::span<float, BlockIQ2_XXS::values> out) {
  const float d = f16_to_f32(block.d) / 8;
  for (std::size_t eight = 0; eight < 32; ++eight) {
    const auto& part = block.parts[eight / 4];
    const PartSigns signs(part.signs);
    decode_point(iq2_xxs_grid[part.points[eight % 4]], iq2_magnitudes, odd_multiple(d, signs.scale),
                 signs.of_eight[eight % 4], &out[8 * eight]);
  }
}

void decode(const BlockIQ2_XS& block, std::span<float, BlockIQ2_XS::values> out) {
  const float d = f16_to_f32(block.d) / 8;
  for (std::size_t eight = 0; eight < 32; ++eight) {
    const unsigned packed = block.points[eight];
    decode_point(iq2_xs_grid[packed & 511], iq2_magnitudes,
                 odd_multiple(d, half_byte(block.scales, eight / 2)), with_eighth(packed >> 9),
                 &out[8 * eight]);
  }
}

void decode(const BlockIQ2_S& block, std::span<float, BlockIQ2_S::values> out) {
  const float d = f16_to_f32(block.d) / 8;
  for (std::size_t eight = 0; eight < 32; ++eight) {
    const unsigned high = block.high[eight / 4] >> (2 * (eight % 4)) & 3;
    decode_point(iq2_s_grid[block.points[eight] | high << 8], iq2_magnitudes,
                 odd_multiple(d, half_byte(block.scales, eight / 2)), block.signs[eight], &out[8 * eight]);
  }
}

void decode(const BlockIQ3_XXS& block, std::span<float, BlockIQ3_XXS::values> out) {
  const float d = f16_to_f32(block.d) / 4;
  for (std::size_t four = 0; four < 64; ++four) {
    const PartSigns signs(block.signs[four / 8]);
    decode_point(iq3_xxs_grid[block.points[four]], iq3_xxs_magnitudes, odd_multiple(d, signs.scale),
                 signs.of_eight[four / 2 % 4] >> (4 * (four % 2)), &out[4 * four]);
  }
}

void decode(const BlockIQ3_S& block, std::span<float, BlockIQ3_S::values> out) {
  const float d = f16_to_f32(block.d);
  for (std::size_t four = 0; four < 64; ++four) {
    const unsigned high = block.high[four / 8] >> (four % 8) & 1;
    decode_point(iq3_s_grid[block.points[four] | high << 8], iq3_s_magnitudes,
                 odd_multiple(d, half_byte(block.scales, four / 8)),
                 unsigned{block.signs[four / 2]} >> (4 * (four % 2)), &out[4 * four]);
  }
}

void decode(const BlockIQ1_S& block, std::span<float, BlockIQ1_S::values> out) {
  const float d = f16_to_f32(block.d);
  for (std::size_t eight = 0; eight < 32; ++eight) {
    const unsigned packed = block.high[eight / 4];
    const unsigned high = packed >> (3 * (eight % 4)) & 7;
    decode_iq1_point(iq1_grid[block.points[eight] | high << 8], odd_multiple(d, packed >> 12 & 7),
                     packed >> 15 != 0, &out[8 * eight]);
  }
}

void decode(const BlockIQ1_M& block, std::span<float, BlockIQ1_M::values> out) {
  unsigned bits = 0;
  for (unsigned i = 0; i < 4; ++i) bits |= static_cast<unsigned>(block.scales[i] >> 12) << (4 * i);
  const float d = f16_to_f32(static_cast<std::uint16_t>(bits));
  for (std::size_t eight = 0; eight < 32; ++eight) {
    const unsigned high = half_byte(block.high, eight);
    const unsigned scale = block.scales[eight / 8] >> (3 * (eight / 2 % 4)) & 7;
    decode_iq1_point(iq1_grid[block.points[eight] | (high & 7) << 8], odd_multiple(d, scale), high >> 3 != 0,
                     &out[8 * eight]);
  }
}

}  // namespace yoke::quant
