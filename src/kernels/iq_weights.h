// The IQ formats as weights.h wants them.
// Written over F32x16 and Table, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/iq_codes.h"
#include "quant/iq_blocks.h"

namespace yoke::kernels {
namespace {

constexpr Table table_of(const IqValues& values) {
  Table table{};
  for (int i = 0; i < 16; ++i) table.values[i] = values.of[i];
  return table;
}
constexpr Table iq1_table = table_of(iq1_values);
constexpr Table iq2_table = table_of(iq2_values);
constexpr Table iq3_xxs_table = table_of(iq3_xxs_values);
constexpr Table iq3_s_table = table_of(iq3_s_values);

/// 32 columns.
struct IqPart {
  const Table& table;
  float scales[2];  // of sixteen each
  std::uint64_t codes[4];

  template <int part>
  F32x16 decode() const {
    const TableNibbles values(table, F32x16::broadcast(scales[part]));
    return values.low(reinterpret_cast<const std::byte*>(codes + 2 * part));
  }
};

template <class Block>
struct IqWeights {
  static constexpr int groups = 8, vectors = 2;
  static constexpr std::int64_t block_bytes = sizeof(Block);
  Block block;

  explicit IqWeights(const std::byte* from) { __builtin_memcpy(&block, from, sizeof block); }
};

/// d · (2 scale + 1), where `d` is that of a block in the format's smallest step.
inline float odd_multiple(float d, std::uint32_t scale) { return d * static_cast<float>(2 * scale + 1); }

inline std::uint32_t word_of(const quant::SignsAndScale& packed) {
  std::uint32_t word = 0;
  __builtin_memcpy(&word, packed.bytes, sizeof word);
  return word;
}
inline std::uint32_t signs_of_eight(std::uint32_t signs_and_scale, int eight) {
  return with_eighth_sign(signs_and_scale >> (7 * eight) & 127);
}

struct Iq2XxsWeights : IqWeights<quant::BlockIQ2_XXS> {
  using IqWeights::IqWeights;
  IqPart group(int g) const {
    const auto& part = block.parts[g];
    const std::uint32_t signs = word_of(part.signs);
    const float scale = odd_multiple(float_of_half(block.d) * 0.125f, signs >> 28);
    IqPart out{iq2_table, {scale, scale}, {}};
    for (int i = 0; i < 4; ++i) {
      out.codes[i] = eight_codes(quant::iq2_xxs_grid[part.points[i]]) | minus_codes(signs_of_eight(signs, i));
    }
    return out;
  }
};

struct Iq2XsWeights : IqWeights<quant::BlockIQ2_XS> {
  using IqWeights::IqWeights;
  IqPart group(int g) const {
    const float d = float_of_half(block.d) * 0.125f;
    const std::uint32_t scales = block.scales[g];
    IqPart out{iq2_table, {odd_multiple(d, scales & 15), odd_multiple(d, scales >> 4)}, {}};
    for (int i = 0; i < 4; ++i) {
      const std::uint32_t packed = block.points[4 * g + i];
      out.codes[i] =
          eight_codes(quant::iq2_xs_grid[packed & 511]) | minus_codes(with_eighth_sign(packed >> 9));
    }
    return out;
  }
};

struct Iq2SWeights : IqWeights<quant::BlockIQ2_S> {
  using IqWeights::IqWeights;
  IqPart group(int g) const {
    const float d = float_of_half(block.d) * 0.125f;
    const std::uint32_t scales = block.scales[g];
    IqPart out{iq2_table, {odd_multiple(d, scales & 15), odd_multiple(d, scales >> 4)}, {}};
    for (int i = 0; i < 4; ++i) {
      const int high = block.high[g] >> (2 * i) & 3;
      out.codes[i] = eight_codes(quant::iq2_s_grid[block.points[4 * g + i] | high << 8]) |
                     minus_codes(block.signs[4 * g + i]);
    }
    return out;
  }
};

/// Two points of four values.
inline std::uint64_t two_points(const std::uint16_t* grid, int first, int second) {
  return four_codes(grid[first]) | std::uint64_t{four_codes(grid[second])} << 32;
}

struct Iq3XxsWeights : IqWeights<quant::BlockIQ3_XXS> {
  using IqWeights::IqWeights;
  IqPart group(int g) const {
    const std::uint32_t signs = word_of(block.signs[g]);
    const float scale = odd_multiple(float_of_half(block.d) * 0.25f, signs >> 28);
    IqPart out{iq3_xxs_table, {scale, scale}, {}};
    for (int i = 0; i < 4; ++i) {
      const std::uint8_t* const points = block.points + 8 * g + 2 * i;
      out.codes[i] =
          two_points(quant::iq3_xxs_grid, points[0], points[1]) | minus_codes(signs_of_eight(signs, i));
    }
    return out;
  }
};

struct Iq3SWeights : IqWeights<quant::BlockIQ3_S> {
  using IqWeights::IqWeights;
  IqPart group(int g) const {
    const float scale = odd_multiple(float_of_half(block.d), block.scales[g / 2] >> (4 * (g % 2)) & 15);
    IqPart out{iq3_s_table, {scale, scale}, {}};
    for (int i = 0; i < 4; ++i) {
      const std::uint8_t* const points = block.points + 8 * g + 2 * i;
      const int high = block.high[g] >> (2 * i);
      out.codes[i] = two_points(quant::iq3_s_grid, points[0] | (high & 1) << 8, points[1] | (high & 2) << 7) |
                     minus_codes(block.signs[4 * g + i]);
    }
    return out;
  }
};

struct Iq1SWeights : IqWeights<quant::BlockIQ1_S> {
  using IqWeights::IqWeights;
  IqPart group(int g) const {
    const int packed = block.high[g];
    const float scale =
        odd_multiple(float_of_half(block.d) * 0.125f, static_cast<std::uint32_t>(packed >> 12 & 7));
    const std::uint64_t minus = minus_codes(packed >> 15 != 0 ? 255 : 0);
    IqPart out{iq1_table, {scale, scale}, {}};
    for (int i = 0; i < 4; ++i) {
      const int high = packed >> (3 * i) & 7;
      out.codes[i] = eight_codes(quant::iq1_grid[block.points[4 * g + i] | high << 8]) | minus;
    }
    return out;
  }
};

struct Iq1MWeights : IqWeights<quant::BlockIQ1_M> {
  float d;
  explicit Iq1MWeights(const std::byte* from) : IqWeights(from) {
    std::uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits |= static_cast<std::uint32_t>(block.scales[i] >> 12) << (4 * i);
    d = float_of_half(static_cast<std::uint16_t>(bits)) * 0.125f;
  }
  IqPart group(int g) const {
    const std::uint32_t scales = block.scales[g / 2] >> (6 * (g % 2));
    IqPart out{iq1_table, {odd_multiple(d, scales & 7), odd_multiple(d, scales >> 3 & 7)}, {}};
    for (int i = 0; i < 4; ++i) {
      const int high = block.high[2 * g + i / 2] >> (4 * (i % 2)) & 15;
      out.codes[i] = eight_codes(quant::iq1_grid[block.points[4 * g + i] | (high & 7) << 8]) |
                     minus_codes(high >> 3 != 0 ? 255 : 0);
    }
    return out;
  }
};

}  // namespace
}  // namespace yoke::kernels
