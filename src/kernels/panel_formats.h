// How packed weights (panels.h) become codes and scales, format by format.
// Written over F32x16, U8x16, I32x16 and U8x64, which vec_*.h and vec64_*.h define before.
//
// A format says, of half `half` of a unit (32 columns), from the addresses of the unit's codes and extras and
// from its group's Header:
//   codes<half, quad>(codes, extra)   four columns of sixteen rows, 0..max_code; a weight is code − zero
//   scale<half>(header, extra)        what that is multiplied by
//   half_scale<half, i>(extra)        where `by_halves`: integers to multiply sixteen columns' sum with
//   before offset<half, i>(header, extra)    where `offsets` is 1 or 2: what is added to each of 32, or 16,
//   weights
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/panels.h"
#include "quant/table_blocks.h"

namespace yoke::kernels {
namespace {

// ---- Pieces that formats share

/// What most formats are.
template <quant::Type type>
struct PanelFormat {
  static constexpr int units_per_group = panel_layout(type).units_per_group;
  static constexpr int code_bytes = panel_layout(type).code_bytes;
  static constexpr int extra_bytes = panel_layout(type).extra_bytes;
  static constexpr int header_bytes = panel_layout(type).header_bytes;
  static constexpr int offsets = 0;
  static constexpr bool by_halves = false;
  static constexpr bool by_points = false;

 protected:
  // Pieces of codes, for quad `quad` of half `half`, moved to bit `to`.
  template <int half, int quad>
  static U8x64 nibbles(const std::byte* codes) {
    return atom<atoms.nibbles[quad]>(codes).template field<4 * half, 4>();
  }
  template <int half, int quad, int to>
  static U8x64 bit_pairs(const std::byte* codes) {
    constexpr int index = 8 * half + quad;
    return atom<atoms.bit_pairs[index / 4]>(codes).template field<2 * (index % 4), 2, to>();
  }
  template <int half, int quad, int to>
  static U8x64 single_bits(const std::byte* codes) {
    return atom<atoms.single_bits[half]>(codes).template field<quad, 1, to>();
  }

 private:
  static constexpr CodeAtoms atoms = panel_layout(type).atoms;
  template <int index>
  static U8x64 atom(const std::byte* codes) {
    return U8x64::load(codes + 64 * index);
  }
};

/// Of a group of one unit.
struct NoHeader {
  explicit NoHeader(const std::byte*) {}
};

/// Sixteen F16 scales for each half of a unit.
struct HalfScales {
  using Header = NoHeader;
  template <int half>
  static F32x16 scale(const NoHeader&, const std::byte* extra) {
    return F32x16::load_f16(extra + 32 * half);
  }
};

/// The same followed by offsets.
struct HalfScalesAndOffsets : HalfScales {
  template <int half, int>
  static F32x16 offset(const NoHeader&, const std::byte* extra) {
    return F32x16::load_f16(extra + 64 + 32 * half);
  }
};

/// One of four six-bit numbers of each row, in three planes of sixteen bytes: the first three in the low
/// bits, the fourth spread over the high ones.
template <int index>
inline U8x16 six_bits(const std::byte* planes) {
  if constexpr (index < 3) {
    return U8x16::load(planes + 16 * index).field(0, 6);
  } else {
    return U8x16::load(planes).field(6, 2) | U8x16::load(planes + 16).field(6, 2, 2) |
           U8x16::load(planes + 32).field(6, 2, 4);
  }
}

/// A group of a super-block: one F16 per row.
struct ScaleHeader {
  F32x16 d;
  explicit ScaleHeader(const std::byte* header) : d(F32x16::load_f16(header)) {}
};

/// The same and one more, which is subtracted.
struct ScaleAndMinHeader {
  F32x16 d, minus_dmin;
  explicit ScaleAndMinHeader(const std::byte* header)
      : d(F32x16::load_f16(header)), minus_dmin(F32x16::load_f16(header + 32) * F32x16::broadcast(-1.0f)) {}
};

/// Codes of a table are made positive; the compiler makes the table, so that quant's own, which other files
/// share, is not linked from here.
struct ShiftedTable {
  std::uint8_t values[16];
};
constexpr ShiftedTable shifted(const std::int8_t (&values)[16], int by) {
  ShiftedTable table{};
  for (int i = 0; i < 16; ++i) table.values[i] = static_cast<std::uint8_t>(values[i] + by);
  return table;
}
constexpr ShiftedTable iq4_codes = shifted(quant::iq4_table, 128);
constexpr ShiftedTable mxfp4_codes = shifted(quant::mxfp4_table, 16);

// ---- Blocks of 32

struct Q4_0Panels : PanelFormat<quant::Type::q4_0>, HalfScales {
  static constexpr int max_code = 15, zero = 8;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return nibbles<half, quad>(codes);
  }
};

struct Q4_1Panels : PanelFormat<quant::Type::q4_1>, HalfScalesAndOffsets {
  static constexpr int max_code = 15, zero = 0, offsets = 1;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return nibbles<half, quad>(codes);
  }
};

struct Q5_0Panels : PanelFormat<quant::Type::q5_0>, HalfScales {
  static constexpr int max_code = 31, zero = 16;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return single_bits<half, quad, 4>(codes) | nibbles<half, quad>(codes);
  }
};

struct Q5_1Panels : PanelFormat<quant::Type::q5_1>, HalfScalesAndOffsets {
  static constexpr int max_code = 31, zero = 0, offsets = 1;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return single_bits<half, quad, 4>(codes) | nibbles<half, quad>(codes);
  }
};

struct Q8_0Panels : PanelFormat<quant::Type::q8_0>, HalfScales {
  static constexpr int max_code = 255, zero = 128;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return U8x64::load(codes + 512 * half + 64 * quad);
  }
};

struct Iq4NlPanels : PanelFormat<quant::Type::iq4_nl>, HalfScales {
  static constexpr int max_code = 255, zero = 128;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return nibbles<half, quad>(codes).look_up(iq4_codes.values);
  }
};

struct Mxfp4Panels : PanelFormat<quant::Type::mxfp4> {
  using Header = NoHeader;
  static constexpr int max_code = 31, zero = 16;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return nibbles<half, quad>(codes).look_up(mxfp4_codes.values);
  }
  /// 2^(e − 128) as a product of two, since it may be subnormal.
  template <int half>
  static F32x16 scale(const NoHeader&, const std::byte* extra) {
    const I32x16 e = widened_u8(U8x16::load(extra + 16 * half));
    const I32x16 first = e.shift_right<1>();
    const I32x16 bias = I32x16::broadcast(127 - 64);
    return F32x16::from_bits((first + bias).shift_left<23>()) *
           F32x16::from_bits((e - first + bias).shift_left<23>());
  }
};

// ---- Super-blocks

struct Q2_KPanels : PanelFormat<quant::Type::q2_k> {
  using Header = ScaleAndMinHeader;
  // Extras: for each sixteen columns a scale in the low half and a min in the high one.
  static constexpr int max_code = 45, zero = 0, offsets = 2;
  /// The small scale goes into the code.
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte* extra) {
    const I32x16 scales = widened_u8(U8x16::load(extra + 32 * half + 16 * (quad / 4)).field(0, 4));
    return bit_pairs<half, quad, 0>(codes).scaled(scales);
  }
  template <int>
  static F32x16 scale(const Header& header, const std::byte*) {
    return header.d;
  }
  template <int half, int i>
  static F32x16 offset(const Header& header, const std::byte* extra) {
    return F32x16::of_u8(U8x16::load(extra + 32 * half + 16 * i).field(4, 4)) * header.minus_dmin;
  }
};

struct Q3_KPanels : PanelFormat<quant::Type::q3_k> {
  using Header = ScaleHeader;
  static constexpr int max_code = 7, zero = 4;
  static constexpr bool by_halves = true;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return single_bits<half, quad, 2>(codes) | bit_pairs<half, quad, 0>(codes);
  }
  template <int>
  static F32x16 scale(const Header& header, const std::byte*) {
    return header.d;
  }
  template <int half, int i>
  static I32x16 half_scale(const std::byte* extra) {
    return widened_i8(six_bits<2 * half + i>(extra) - U8x16::broadcast(32));
  }
};

/// Six-bit scales of both halves, then their minima.
struct SixBitScalesAndMins {
  using Header = ScaleAndMinHeader;
  template <int half>
  static F32x16 scale(const Header& header, const std::byte* extra) {
    return F32x16::of_u8(six_bits<half>(extra)) * header.d;
  }
  template <int half, int>
  static F32x16 offset(const Header& header, const std::byte* extra) {
    return F32x16::of_u8(six_bits<2 + half>(extra)) * header.minus_dmin;
  }
};

struct Q4_KPanels : PanelFormat<quant::Type::q4_k>, SixBitScalesAndMins {
  static constexpr int max_code = 15, zero = 0, offsets = 1;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return nibbles<half, quad>(codes);
  }
};

struct Q5_KPanels : PanelFormat<quant::Type::q5_k>, SixBitScalesAndMins {
  static constexpr int max_code = 31, zero = 0, offsets = 1;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return single_bits<half, quad, 4>(codes) | nibbles<half, quad>(codes);
  }
};

struct Q6_KPanels : PanelFormat<quant::Type::q6_k> {
  using Header = ScaleHeader;
  static constexpr int max_code = 63, zero = 32;
  static constexpr bool by_halves = true;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return bit_pairs<half, quad, 4>(codes) | nibbles<half, quad>(codes);
  }
  template <int>
  static F32x16 scale(const Header& header, const std::byte*) {
    return header.d;
  }
  template <int half, int i>
  static I32x16 half_scale(const std::byte* extra) {
    return widened_i8(U8x16::load(extra + 32 * half + 16 * i));
  }
};

struct Iq4XsPanels : PanelFormat<quant::Type::iq4_xs> {
  using Header = ScaleHeader;
  // Extras: lower halves of both scales; for every second row (i and i + 8) the two higher bits of both.
  static constexpr int max_code = 255, zero = 128;
  template <int half, int quad>
  static U8x64 codes(const std::byte* codes, const std::byte*) {
    return nibbles<half, quad>(codes).look_up(iq4_codes.values);
  }
  template <int half>
  static F32x16 scale(const Header& header, const std::byte* extra) {
    const U8x16 scales =
        U8x16::load(extra).field(4 * half, 4) | spread_halves(extra + 16).field(2 * half, 2, 4);
    return F32x16::of_i8(scales - U8x16::broadcast(32)) * header.d;
  }
};

// ---- Plain floats: sixteen of a column

struct F32Panels : PanelFormat<quant::Type::f32> {
  static F32x16 column(const std::byte* from) { return F32x16::load(reinterpret_cast<const float*>(from)); }
};
struct F16Panels : PanelFormat<quant::Type::f16> {
  static F32x16 column(const std::byte* from) { return F32x16::load_f16(from); }
};
struct Bf16Panels : PanelFormat<quant::Type::bf16> {
  static F32x16 column(const std::byte* from) { return F32x16::load_bf16(from); }
};

}  // namespace
}  // namespace yoke::kernels
