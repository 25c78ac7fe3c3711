// Packed weights of the IQ formats (see panel_formats.h for what a format says).
// Written over the same types, and Points, which panel_points*.h define before.
//
// A unit has an atom of numbers for every four points of a row, and beside its scales planes (panel_grids.h)
// of signs and of what numbers have above eight bits. All points of a half are looked up at once, before its
// codes are asked for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/iq_codes.h"
#include "kernels/panel_formats.h"
#include "kernels/panel_grids.h"

namespace yoke::kernels {
namespace {

// ---- What the codes of a quad are signed with: `find` is given the unit's extras, `of` a plane

/// A plane for every quad, first of all extras.
template <int half>
struct EightSigns {
  const std::byte* planes;
  void find(const std::byte* extra) { planes = extra + 64 * half; }
  template <int quad>
  std::uint64_t of() const {
    return plane_at(planes + 8 * quad);
  }
};

/// The same where a row has seven signs for two quads: its last bit of the second says something else.
template <int half>
struct SevenSigns {
  alignas(64) std::uint64_t planes[8];

  void find(const std::byte* extra) { find_eighth_signs(extra + 64 * half, planes); }
  template <int quad>
  std::uint64_t of() const {
    return planes[quad];
  }
  /// What the last bits say: four for each row.
  static std::uint64_t spare(const std::byte* extra) {
    std::uint64_t all = 0;
    for (int i = 0; i < 4; ++i) all |= (plane_at(extra + 64 * half + 16 * i + 8) >> 3 & lowest_bits) << i;
    return all;
  }
};

/// A bit for every point of a row: whether its eighths are subtracted.
template <int half>
struct PointSigns {
  std::uint64_t plane;
  void find(const std::byte* extra) { plane = plane_at(extra + 32 * half + 24); }
  template <int quad>
  std::uint64_t of() const {
    return (plane >> (quad / 2) & lowest_bits) * 15;
  }
};

/// Codes without signs.
template <int half>
struct NoSigns {
  void find(const std::byte*) {}
};

// ---- Formats

/// One more than there may be, since there are no arrays of nothing.
template <class Grid>
struct HighPlanes {
  std::uint64_t of[Grid::high_bits + 1];
};

template <quant::Type type, class AGrid>
struct PointPanels : PanelFormat<type> {
  using Grid = AGrid;
  static constexpr bool by_points = true;
  static constexpr bool has_signs = true;
  static constexpr bool is_mirrored = true;  // whether minus is the other side of zero; else it is two less

  template <int atom>
  static HighPlanes<Grid> high_planes(const std::byte* extra) {
    HighPlanes<Grid> planes{};
    for (int i = 0; i < Grid::high_bits; ++i)
      planes.of[i] = plane_at(extra + Grid::high_begin + Grid::high_step * atom + 8 * i);
    return planes;
  }
};

/// A group of a super-block, whose codes are `steps` times its values.
template <int steps>
struct StepHeader {
  F32x16 d;
  explicit StepHeader(const std::byte* header)
      : d(F32x16::load_f16(header) * F32x16::broadcast(1.0f / steps)) {}
};

/// 2 scale + 1
inline U8x16 odd(U8x16 scales) { return scales.field(0, 4, 1) | U8x16::broadcast(1); }
inline U8x16 odd_high(U8x16 scales) { return scales.field(4, 4, 1) | U8x16::broadcast(1); }

/// A scale for every 32, in the bits that signs do not need.
template <int steps>
struct SpareScales {
  using Header = StepHeader<steps>;
  template <int half>
  using Signs = SevenSigns<half>;
  template <int half>
  static F32x16 scale(const Header& header, const std::byte* extra) {
    return F32x16::of_u8(odd(nibbles_of(SevenSigns<half>::spare(extra)))) * header.d;
  }
};

/// Two scales in a byte for every 32, from byte `begin` of the extras on.
template <int begin>
struct ScalesOfSixteen {
  using Header = StepHeader<8>;
  template <int>
  static F32x16 scale(const Header& header, const std::byte*) {
    return header.d;
  }
  template <int half, int i>
  static I32x16 half_scale(const std::byte* extra) {
    const U8x16 both = U8x16::load(extra + begin + 16 * half);
    return widened_u8(i == 0 ? odd(both) : odd_high(both));
  }
};

constexpr ShiftedTable iq1_codes = shifted(iq1_values.of, 16);
constexpr ShiftedTable iq2_codes = shifted(iq2_values.of, 64);
constexpr ShiftedTable iq3_xxs_codes = shifted(iq3_xxs_values.of, 64);
constexpr ShiftedTable iq3_s_codes = shifted(iq3_s_values.of, 16);

struct Iq2XxsPanels : PointPanels<quant::Type::iq2_xxs, Iq2XxsGrid>, SpareScales<8> {
  static constexpr int max_code = 64 + 43, zero = 64;
  static constexpr const ShiftedTable& values = iq2_codes;
};

struct Iq2XsPanels : PointPanels<quant::Type::iq2_xs, Iq2XsGrid>, ScalesOfSixteen<128> {
  static constexpr int max_code = 64 + 43, zero = 64;
  static constexpr bool by_halves = true;
  static constexpr const ShiftedTable& values = iq2_codes;
  template <int half>
  using Signs = SevenSigns<half>;
  template <int half>
  static HighPlanes<Iq2XsGrid> high_planes(const std::byte* extra) {
    return {{SevenSigns<half>::spare(extra), 0}};
  }
};

struct Iq2SPanels : PointPanels<quant::Type::iq2_s, Iq2SGrid>, ScalesOfSixteen<160> {
  static constexpr int max_code = 64 + 43, zero = 64;
  static constexpr bool by_halves = true;
  static constexpr const ShiftedTable& values = iq2_codes;
  template <int half>
  using Signs = EightSigns<half>;
};

struct Iq3XxsPanels : PointPanels<quant::Type::iq3_xxs, Iq3XxsGrid>, SpareScales<4> {
  static constexpr int max_code = 64 + 62, zero = 64;
  static constexpr const ShiftedTable& values = iq3_xxs_codes;
};

struct Iq3SPanels : PointPanels<quant::Type::iq3_s, Iq3SGrid> {
  using Header = ScaleHeader;
  static constexpr int max_code = 16 + 15, zero = 16;
  static constexpr const ShiftedTable& values = iq3_s_codes;
  template <int half>
  using Signs = EightSigns<half>;
  /// Those of both halves share a byte.
  template <int half>
  static F32x16 scale(const Header& header, const std::byte* extra) {
    const U8x16 both = U8x16::load(extra + 160);
    return F32x16::of_u8(half == 0 ? odd(both) : odd_high(both)) * header.d;
  }
};

/// A weight is a value of the grid and, as an offset, plus or minus an eighth.
struct Iq1SPanels : PointPanels<quant::Type::iq1_s, Iq1Grid> {
  using Header = ScaleHeader;
  static constexpr int max_code = 2, zero = 1, offsets = 1;
  static constexpr bool has_signs = false;
  template <int half>
  using Signs = NoSigns<half>;
  template <int half>
  static F32x16 scale(const Header& header, const std::byte* extra) {
    return F32x16::of_u8(sign_and_scale<half>(extra).field(0, 3, 1) | U8x16::broadcast(1)) * header.d;
  }
  template <int half, int>
  static F32x16 offset(const Header& header, const std::byte* extra) {
    const U8x16 sign = U8x16::broadcast(1) - sign_and_scale<half>(extra).field(3, 1, 1);
    return F32x16::of_i8(sign) * F32x16::broadcast(0.125f) * scale<half>(header, extra);
  }

 private:
  template <int half>
  static U8x16 sign_and_scale(const std::byte* extra) {
    return nibbles_of(plane_at(extra + 32 * half + 24));
  }
};

/// Codes are eighths. After the planes of both halves those of the scales: bit i of four.
struct Iq1MPanels : PointPanels<quant::Type::iq1_m, Iq1Grid> {
  using Header = StepHeader<8>;
  static constexpr int max_code = 16 + 9, zero = 16;
  static constexpr bool by_halves = true, is_mirrored = false;
  static constexpr const ShiftedTable& values = iq1_codes;
  template <int half>
  using Signs = PointSigns<half>;
  template <int>
  static F32x16 scale(const Header& header, const std::byte*) {
    return header.d;
  }
  template <int half, int i>
  static I32x16 half_scale(const std::byte* extra) {
    std::uint64_t scales = 0;
    for (int bit = 0; bit < 3; ++bit)
      scales |= (plane_at(extra + 64 + 8 * bit) >> (2 * half + i) & lowest_bits) << bit;
    return widened_u8(odd(nibbles_of(scales)));
  }
};

}  // namespace
}  // namespace yoke::kernels
