// Sixty-four bytes as one zmm register. The operations mean what vec64_scalar.h says.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/vec_avx512.h"

namespace yoke::kernels {
namespace {

constexpr int tile_panels = 2, tile_tokens = 6, tile_tokens_by_halves = 4, float_tile_tokens = 6;
constexpr int gemv_panels = 2, gemv_tokens = 8, gemv_tile = 4, gemv_tile_by_halves = 2;
constexpr int gemv_panels_of_bytes = 2;
constexpr int gemv_most = 8;

inline I32x16 operator*(I32x16 a, I32x16 b) { return {_mm512_mullo_epi32(a.raw, b.raw)}; }
inline F32x16 to_float(I32x16 a) { return {_mm512_cvtepi32_ps(a.raw)}; }
inline I32x16 widened_i8(U8x16 bytes) { return {_mm512_cvtepi8_epi32(bytes.raw)}; }
inline I32x16 widened_u8(U8x16 bytes) { return {_mm512_cvtepu8_epi32(bytes.raw)}; }
inline I32x16 load_i32(const std::int32_t* from) { return {_mm512_loadu_si512(from)}; }
inline void store_i32(I32x16 a, std::int32_t* to) { _mm512_storeu_si512(to, a.raw); }
inline void store_low_bytes(I32x16 a, std::int8_t* to) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(a.raw));
}
inline std::int32_t reduce_add(I32x16 a) { return _mm512_reduce_add_epi32(a.raw); }

inline U8x16 spread_halves(const std::byte* from) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return U8x16{_mm_unpacklo_epi64(both, _mm_srli_epi16(both, 4))}.field(0, 4);
}

inline U8x16 nibbles_of(std::uint64_t plane) {
  const __m128i even = _mm_cvtsi64_si128(static_cast<long long>(plane));
  return U8x16{_mm_unpacklo_epi8(even, _mm_srli_epi16(even, 4))}.field(0, 4);
}

struct U8x64 {
  __m512i raw;

  static U8x64 load(const std::byte* from) { return {_mm512_loadu_si512(from)}; }
  void store(std::byte* to) const { _mm512_storeu_si512(to, raw); }
  template <int from, int count, int to = 0>
  U8x64 field() const {
    // There are no shifts of bytes; the mask takes away what came from the neighbours.
    const __m512i mask = _mm512_set1_epi8(static_cast<char>(((1 << count) - 1) << to));
    if constexpr (from == to) {
      return {_mm512_and_si512(raw, mask)};
    } else if constexpr (from > to) {
      return {_mm512_and_si512(_mm512_srli_epi16(raw, from - to), mask)};
    } else {
      return {_mm512_and_si512(_mm512_slli_epi16(raw, to - from), mask)};
    }
  }
  U8x64 look_up(const std::uint8_t (&table)[16]) const {
    const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(sixteen), raw)};
  }
  U8x64 plus_eight(std::uint64_t bits) const {
    return {_mm512_mask_add_epi8(raw, bits, raw, _mm512_set1_epi8(8))};
  }
  U8x64 scaled(I32x16 factors) const {
    // A word's product is that of both its bytes, since the lower one does not reach into the upper.
    const __m512i words = _mm512_or_si512(factors.raw, _mm512_slli_epi32(factors.raw, 16));
    return {_mm512_mullo_epi16(raw, words)};
  }
};

inline U8x64 operator|(U8x64 a, U8x64 b) { return {_mm512_or_si512(a.raw, b.raw)}; }

template <int max_code, int zero>
class Dot {
 public:
  static constexpr bool takes_whole_blocks = false;
  static constexpr int tokens = 1;

  Dot() = default;
  /// `minus_sum` is −Σx of all x that will be added.
  explicit Dot(std::int32_t minus_sum)
      : sum_(zero == 0 ? _mm512_setzero_si512()
                       : _mm512_slli_epi32(_mm512_set1_epi32(minus_sum), __builtin_ctz(zero | 1 << 30))) {}
  void add(const U8x64& codes, const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    sum_ = _mm512_dpbusd_epi32(sum_, codes.raw, _mm512_set1_epi32(four));
  }
  I32x16 total() const { return {sum_}; }

 private:
  __m512i sum_;
};

}  // namespace
}  // namespace yoke::kernels
