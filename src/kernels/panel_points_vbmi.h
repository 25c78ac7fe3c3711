// Points of grids as codes by permutations of bytes (AVX512-VBMI), 64 points at a time: an instruction looks
// up a byte in a table of 128. (The other way: panel_points.h.) Written over U8x64, which vec64_avx512.h
// defines before.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "kernels/panel_grids.h"

namespace yoke::kernels {
namespace {

/// The codes of the first half of a point's values, or of the second, in the lowest bits of a byte.
template <class Grid>
struct HalfPoints {
  static constexpr int size = static_cast<int>(std::size(Grid::points));
  alignas(64) std::uint8_t of[2][size];
};
template <class Grid>
constexpr HalfPoints<Grid> half_points = [] {
  constexpr int bits = Grid::values == 8 ? 8 : 6;
  HalfPoints<Grid> halves{};
  for (int i = 0; i < halves.size; ++i) {
    for (int half = 0; half < 2; ++half)
      halves.of[half][i] = static_cast<std::uint8_t>(Grid::points[i] >> (bits * half) & ((1 << bits) - 1));
  }
  return halves;
}();

/// table[number] for each of 64. Numbers have seven bits and those of `bits`, masks for one bit each.
template <int tables_of_128>
inline __m512i look_up_bytes(const std::uint8_t* table, __m512i numbers, const __mmask64* bits) {
  if constexpr (tables_of_128 == 1) {
    return _mm512_permutex2var_epi8(_mm512_load_si512(table), numbers, _mm512_load_si512(table + 64));
  } else {
    constexpr int half = tables_of_128 / 2;
    return _mm512_mask_blend_epi8(bits[__builtin_ctz(half)], look_up_bytes<half>(table, numbers, bits),
                                  look_up_bytes<half>(table + 128 * half, numbers, bits));
  }
}

/// A table for codes of which only some bits count, of the six that an instruction looks at.
struct SixtyFour {
  std::uint8_t of[64];
};
template <class Format>
constexpr SixtyFour repeated = [] {
  constexpr int codes = Format::Grid::values == 8 ? 4 : 8;
  SixtyFour table{};
  for (int i = 0; i < 64; ++i) table.of[i] = Format::values.values[i % codes];
  return table;
}();

/// Four points of each of sixteen rows.
template <class Grid>
class Points {
 public:
  static constexpr int quads = Grid::values;  // four points have so many of four columns

  /// `numbers`: an atom of eight bits of each; `high`: a plane for each bit above.
  void find(const std::byte* numbers, const std::uint64_t* high) {
    const __m512i low = _mm512_loadu_si512(numbers);
    __mmask64 bits[1 + Grid::high_bits] = {_mm512_movepi8_mask(low)};
    for (int i = 0; i < Grid::high_bits; ++i) bits[1 + i] = _cvtu64_mask64(high[i]);
    constexpr int tables = HalfPoints<Grid>::size / 128;
    for (int half = 0; half < 2; ++half)
      halves_[half] = look_up_bytes<tables>(half_points<Grid>.of[half], low, bits);
  }

  template <int quad>
  U8x64 codes() const {
    return {_mm512_and_si512(spread<quad>(), _mm512_set1_epi8(Grid::values == 8 ? 3 : 7))};
  }
  /// What Format's table has for them; `minus` is the plane of their signs.
  template <int quad, class Format>
  U8x64 values(std::uint64_t minus) const {
    const __m512i found = _mm512_permutexvar_epi8(spread<quad>(), _mm512_loadu_si512(repeated<Format>.of));
    const __m512i opposite =
        Format::is_mirrored ? _mm512_sub_epi8(_mm512_set1_epi8(static_cast<char>(2 * Format::zero)), found)
                            : _mm512_sub_epi8(found, _mm512_set1_epi8(2));
    return {_mm512_mask_mov_epi8(found, _cvtu64_mask64(minus), opposite)};
  }

 private:
  /// Codes of which the upper bits are anything.
  template <int quad>
  __m512i spread() const {
    if constexpr (Grid::values == 8) {
      return _mm512_multishift_epi64_epi8(bits_of<quad / 2, 2>(), halves_[quad % 2]);
    } else {
      constexpr __mmask64 second_halves = 0xcccccccccccccccc;
      const __m512i first = _mm512_multishift_epi64_epi8(bits_of<quad, 3>(), halves_[0]);
      return _mm512_mask_multishift_epi64_epi8(first, second_halves, bits_of<quad, 3>(-6), halves_[1]);
    }
  }
  /// For each byte of two rows the bit where its code begins: the rows' points are 32 bits apart, those of a
  /// row eight, a point's codes `step`.
  template <int point, int step>
  static __m512i bits_of(int from = 0) {
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i)
      bits |= static_cast<std::uint64_t>(32 * (i / 4) + 8 * point + step * (i % 4) + (i % 4 < 2 ? 0 : from))
              << (8 * i);
    return _mm512_set1_epi64(static_cast<long long>(bits));
  }

  __m512i halves_[2];
};

/// Eight planes of signs, where a row has seven in each two.
inline void find_eighth_signs(const std::byte* planes, std::uint64_t (&signs)[8]) {
  constexpr __mmask8 second = 0xaa;
  const __m512i all = _mm512_loadu_si512(planes);
  const __m512i seven =
      _mm512_mask_and_epi64(all, second, all, _mm512_set1_epi64(static_cast<long long>(7 * lowest_bits)));
  __m512i parity = _mm512_xor_si512(seven, _mm512_shuffle_epi32(seven, _MM_PERM_BADC));
  parity = _mm512_xor_si512(parity, _mm512_srli_epi64(parity, 2));
  parity = _mm512_xor_si512(parity, _mm512_srli_epi64(parity, 1));
  const __m512i eighth = _mm512_maskz_and_epi64(second, _mm512_slli_epi64(parity, 3),
                                                _mm512_set1_epi64(static_cast<long long>(8 * lowest_bits)));
  _mm512_storeu_si512(signs, _mm512_or_si512(seven, eighth));
}

}  // namespace
}  // namespace yoke::kernels
