// Sixteen lanes as one zmm register. The operations mean what vec_scalar.h says.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int gemm_rows = 4, gemm_tokens = 4, gemv_rows = 4;

inline float float_of_half(std::uint16_t half) { return _cvtsh_ss(half); }

inline __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }

struct I32x16 {
  __m512i raw;

  template <int n>
  I32x16 shift_left() const {
    return {_mm512_slli_epi32(raw, n)};
  }
  template <int n>
  I32x16 shift_right() const {
    return {_mm512_srai_epi32(raw, n)};
  }
  static I32x16 broadcast(std::int32_t value) { return {_mm512_set1_epi32(value)}; }
};

inline I32x16 operator+(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.raw, b.raw)}; }
inline I32x16 operator-(I32x16 a, I32x16 b) { return {_mm512_sub_epi32(a.raw, b.raw)}; }

struct F32x16 {
  __m512 raw;

  static F32x16 broadcast(float value) { return {_mm512_set1_ps(value)}; }

  static F32x16 load(const float* from) { return {_mm512_loadu_ps(from)}; }
  static F32x16 load_partial(const float* from, int n) {
    return {_mm512_maskz_loadu_ps(first_lanes(n), from)};
  }
  void store(float* to) const { _mm512_storeu_ps(to, raw); }
  void store_partial(float* to, int n) const { _mm512_mask_storeu_ps(to, first_lanes(n), raw); }

  static F32x16 load_f16(const std::byte* from) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)))};
  }
  static F32x16 load_f16_partial(const std::byte* from, int n) {
    return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), from))};
  }

  static F32x16 of_bf16(__m256i halves) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
  }
  static F32x16 load_bf16(const std::byte* from) {
    return of_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static F32x16 load_bf16_partial(const std::byte* from, int n) {
    return of_bf16(_mm256_maskz_loadu_epi16(first_lanes(n), from));
  }

  static __m128i load_bytes(const std::byte* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  }
  static F32x16 of_i8(__m128i bytes) { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))}; }
  static F32x16 load_i8(const std::byte* from) { return of_i8(load_bytes(from)); }
  static F32x16 load_low_nibbles(const std::byte* from) {
    return of_i8(_mm_sub_epi8(_mm_and_si128(load_bytes(from), _mm_set1_epi8(15)), _mm_set1_epi8(8)));
  }
  static F32x16 load_high_nibbles(const std::byte* from) {
    const __m128i high = _mm_and_si128(_mm_srli_epi16(load_bytes(from), 4), _mm_set1_epi8(15));
    return of_i8(_mm_sub_epi8(high, _mm_set1_epi8(8)));
  }

  I32x16 bits() const { return {_mm512_castps_si512(raw)}; }
  static F32x16 from_bits(I32x16 bits) { return {_mm512_castsi512_ps(bits.raw)}; }

  float reduce_add() const {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(raw), _mm512_extractf32x8_ps(raw, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  float reduce_max() const {
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(raw), _mm512_extractf32x8_ps(raw, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.raw, b.raw)}; }
inline F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.raw, b.raw)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.raw, b.raw)}; }
inline F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.raw, b.raw)}; }
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.raw, b.raw, c.raw)}; }
inline F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.raw, b.raw)}; }
inline F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.raw, b.raw)}; }

}  // namespace
}  // namespace yoke::kernels
