// Sixteen lanes as two ymm registers. The operations mean what vec_scalar.h says.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int gemm_rows = 2, gemm_tokens = 2, gemv_rows = 4;

inline float float_of_half(std::uint16_t half) { return _cvtsh_ss(half); }

/// For maskload and maskstore: all ones in the first n of 8 lanes (none where n ≤ 0, all where n ≥ 8).
inline __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

struct I32x16 {
  __m256i low, high;

  template <int n>
  I32x16 shift_left() const {
    return {_mm256_slli_epi32(low, n), _mm256_slli_epi32(high, n)};
  }
  template <int n>
  I32x16 shift_right() const {
    return {_mm256_srai_epi32(low, n), _mm256_srai_epi32(high, n)};
  }
  static I32x16 broadcast(std::int32_t value) { return {_mm256_set1_epi32(value), _mm256_set1_epi32(value)}; }
};

inline I32x16 operator+(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
inline I32x16 operator-(I32x16 a, I32x16 b) {
  return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
}

struct F32x16 {
  __m256 low, high;

  static F32x16 broadcast(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }

  static F32x16 load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
  static F32x16 load_partial(const float* from, int n) {
    // The second address is formed only where values lie behind it.
    const __m256 low = _mm256_maskload_ps(from, first_lanes(n));
    return {low, n > 8 ? _mm256_maskload_ps(from + 8, first_lanes(n - 8)) : _mm256_setzero_ps()};
  }
  void store(float* to) const {
    _mm256_storeu_ps(to, low);
    _mm256_storeu_ps(to + 8, high);
  }
  void store_partial(float* to, int n) const {
    _mm256_maskstore_ps(to, first_lanes(n), low);
    if (n > 8) _mm256_maskstore_ps(to + 8, first_lanes(n - 8), high);
  }

  static F32x16 load_f16(const std::byte* from) {
    return {_mm256_cvtph_ps(load_bytes(from)), _mm256_cvtph_ps(load_bytes(from + 16))};
  }
  static F32x16 load_f16_partial(const std::byte* from, int n) {
    std::byte halves[32] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * 2);
    return load_f16(halves);
  }

  static __m256 of_bf16(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  static F32x16 load_bf16(const std::byte* from) {
    return {of_bf16(load_bytes(from)), of_bf16(load_bytes(from + 16))};
  }
  static F32x16 load_bf16_partial(const std::byte* from, int n) {
    std::byte halves[32] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * 2);
    return load_bf16(halves);
  }

  static __m128i load_bytes(const std::byte* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  }
  static F32x16 of_i8(__m128i bytes) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)))};
  }
  static F32x16 load_i8(const std::byte* from) { return of_i8(load_bytes(from)); }
  static F32x16 load_low_nibbles(const std::byte* from) {
    return of_i8(_mm_sub_epi8(_mm_and_si128(load_bytes(from), _mm_set1_epi8(15)), _mm_set1_epi8(8)));
  }
  static F32x16 load_high_nibbles(const std::byte* from) {
    const __m128i high = _mm_and_si128(_mm_srli_epi16(load_bytes(from), 4), _mm_set1_epi8(15));
    return of_i8(_mm_sub_epi8(high, _mm_set1_epi8(8)));
  }

  I32x16 bits() const { return {_mm256_castps_si256(low), _mm256_castps_si256(high)}; }
  static F32x16 from_bits(I32x16 bits) {
    return {_mm256_castsi256_ps(bits.low), _mm256_castsi256_ps(bits.high)};
  }

  float reduce_add() const {
    const __m256 eight = _mm256_add_ps(low, high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  float reduce_max() const {
    const __m256 eight = _mm256_max_ps(low, high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

inline F32x16 operator+(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline F32x16 operator-(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline F32x16 operator*(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline F32x16 operator/(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline F32x16 max(F32x16 a, F32x16 b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline F32x16 min(F32x16 a, F32x16 b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }

}  // namespace
}  // namespace yoke::kernels
