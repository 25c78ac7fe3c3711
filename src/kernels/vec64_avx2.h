// Sixty-four bytes as two ymm registers. The operations mean what vec64_scalar.h says.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/vec_avx2.h"

namespace yoke::kernels {
namespace {

constexpr int tile_panels = 1, tile_tokens = 2, tile_tokens_by_halves = 2, float_tile_tokens = 4;
constexpr int gemv_panels = 1, gemv_tokens = 4, gemv_tile = 2, gemv_tile_by_halves = 2;
constexpr int gemv_panels_of_bytes = 2;
constexpr int gemv_most = 8;

inline I32x16 operator*(I32x16 a, I32x16 b) {
  return {_mm256_mullo_epi32(a.low, b.low), _mm256_mullo_epi32(a.high, b.high)};
}
inline F32x16 to_float(I32x16 a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
inline I32x16 widened_i8(U8x16 bytes) {
  return {_mm256_cvtepi8_epi32(bytes.raw), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes.raw, 8))};
}
inline I32x16 widened_u8(U8x16 bytes) {
  return {_mm256_cvtepu8_epi32(bytes.raw), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes.raw, 8))};
}
inline __m256i load_32(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
inline void store_32(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }
inline I32x16 load_i32(const std::int32_t* from) { return {load_32(from), load_32(from + 8)}; }
inline void store_i32(I32x16 a, std::int32_t* to) {
  store_32(to, a.low);
  store_32(to + 8, a.high);
}
inline void store_low_bytes(I32x16 a, std::int8_t* to) {
  const __m256i lowest = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                          0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i halves[2] = {_mm256_shuffle_epi8(a.low, lowest), _mm256_shuffle_epi8(a.high, lowest)};
  for (int i = 0; i < 2; ++i) {
    const std::int32_t four[2] = {_mm256_extract_epi32(halves[i], 0), _mm256_extract_epi32(halves[i], 4)};
    __builtin_memcpy(to + 8 * i, four, sizeof four);
  }
}
inline std::int32_t reduce_add(I32x16 a) {
  const __m256i eight = _mm256_add_epi32(a.low, a.high);
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 1);
}

inline U8x16 spread_halves(const std::byte* from) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return U8x16{_mm_unpacklo_epi64(both, _mm_srli_epi16(both, 4))}.field(0, 4);
}

inline U8x16 nibbles_of(std::uint64_t plane) {
  const __m128i even = _mm_cvtsi64_si128(static_cast<long long>(plane));
  return U8x16{_mm_unpacklo_epi8(even, _mm_srli_epi16(even, 4))}.field(0, 4);
}

struct U8x64 {
  __m256i low, high;

  static U8x64 load(const std::byte* from) { return {load_32(from), load_32(from + 32)}; }
  void store(std::byte* to) const {
    store_32(to, low);
    store_32(to + 32, high);
  }
  template <int from, int count, int to = 0>
  U8x64 field() const {
    // There are no shifts of bytes; the mask takes away what came from the neighbours.
    const __m256i mask = _mm256_set1_epi8(static_cast<char>(((1 << count) - 1) << to));
    if constexpr (from == to) {
      return {_mm256_and_si256(low, mask), _mm256_and_si256(high, mask)};
    } else if constexpr (from > to) {
      return {_mm256_and_si256(_mm256_srli_epi16(low, from - to), mask),
              _mm256_and_si256(_mm256_srli_epi16(high, from - to), mask)};
    } else {
      return {_mm256_and_si256(_mm256_slli_epi16(low, to - from), mask),
              _mm256_and_si256(_mm256_slli_epi16(high, to - from), mask)};
    }
  }
  U8x64 look_up(const std::uint8_t (&table)[16]) const {
    const __m256i both =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
    return {_mm256_shuffle_epi8(both, low), _mm256_shuffle_epi8(both, high)};
  }
  U8x64 plus_eight(std::uint64_t bits) const {
    return {plus_eight(low, static_cast<std::uint32_t>(bits)),
            plus_eight(high, static_cast<std::uint32_t>(bits >> 32))};
  }
  U8x64 scaled(I32x16 factors) const { return {scaled(low, factors.low), scaled(high, factors.high)}; }

 private:
  static __m256i plus_eight(__m256i bytes, std::uint32_t bits) {
    // Byte i of them to the eight bytes that it is for; each keeps its own bit.
    const __m256i eights = _mm256_shuffle_epi8(
        _mm256_set1_epi32(static_cast<int>(bits)),
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
    const __m256i own = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(eights, own), own);
    return _mm256_or_si256(bytes, _mm256_and_si256(set, _mm256_set1_epi8(8)));
  }
  static __m256i scaled(__m256i bytes, __m256i factors) {
    // A word's product is that of both its bytes, since the lower one does not reach into the upper.
    return _mm256_mullo_epi16(bytes, _mm256_or_si256(factors, _mm256_slli_epi32(factors, 16)));
  }
};

inline U8x64 operator|(U8x64 a, U8x64 b) {
  return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
}

/// Pairs of products are added in 16 bits, as many as always fit, and those sums in 32. Codes of eight bits
/// would not fit even once: they become signed, and give their sign to the activation.
template <int max_code, int zero>
class Dot {
 public:
  static constexpr bool takes_whole_blocks = false;
  static constexpr int tokens = 1;

  Dot() = default;
  explicit Dot(std::int32_t minus_sum)
      : low_(_mm256_set1_epi32(is_signed ? 0 : minus_sum * zero)), high_(low_) {}

  void add(const U8x64& codes, const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    const __m256i all = _mm256_set1_epi32(four);
    const __m256i low = products(codes.low, all), high = products(codes.high, all);
    low_words_ = words_ == 0 ? low : _mm256_add_epi16(low_words_, low);
    high_words_ = words_ == 0 ? high : _mm256_add_epi16(high_words_, high);
    if (++words_ == most_words) widen();
  }
  I32x16 total() {
    if (words_ != 0) widen();
    return {low_, high_};
  }

 private:
  static constexpr bool is_signed = max_code > 127;
  static_assert(!is_signed || zero == 128);
  static constexpr int most_words = is_signed                          ? 1
                                    : 32767 / (2 * 127 * max_code) < 8 ? 32767 / (2 * 127 * max_code)
                                                                       : 8;

  static __m256i products(__m256i codes, __m256i x) {
    if constexpr (is_signed) {
      const __m256i values = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
      return _mm256_maddubs_epi16(_mm256_abs_epi8(values), _mm256_sign_epi8(x, values));
    } else {
      return _mm256_maddubs_epi16(codes, x);
    }
  }
  void widen() {
    const __m256i ones = _mm256_set1_epi16(1);
    low_ = _mm256_add_epi32(low_, _mm256_madd_epi16(low_words_, ones));
    high_ = _mm256_add_epi32(high_, _mm256_madd_epi16(high_words_, ones));
    words_ = 0;
  }

  __m256i low_, high_, low_words_, high_words_;
  int words_ = 0;  // products in each word; known to the compiler, as all loops around are unrolled
};

}  // namespace
}  // namespace yoke::kernels
