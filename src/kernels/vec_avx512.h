// Sixteen lanes as one zmm register. The operations mean what vec_scalar.h says.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int gemm_rows = 4, gemm_tokens = 4, gemv_rows = 4;
constexpr int attention_sums = 24;

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

struct U8x16 {
  __m128i raw;

  static U8x16 load(const std::byte* from) {
    return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))};
  }
  static U8x16 broadcast(std::uint8_t value) { return {_mm_set1_epi8(static_cast<char>(value))}; }
  static U8x16 spread(std::uint16_t bits) { return {_mm_movm_epi8(bits)}; }
  U8x16 field(int from, int count, int to = 0) const {
    // There are no shifts of bytes; the mask takes away what came from the neighbours.
    const __m128i moved = from > to ? _mm_srli_epi16(raw, from - to) : _mm_slli_epi16(raw, to - from);
    return {_mm_and_si128(moved, _mm_set1_epi8(static_cast<char>(((1 << count) - 1) << to)))};
  }
};

inline U8x16 operator&(U8x16 a, U8x16 b) { return {_mm_and_si128(a.raw, b.raw)}; }
inline U8x16 operator|(U8x16 a, U8x16 b) { return {_mm_or_si128(a.raw, b.raw)}; }
inline U8x16 operator-(U8x16 a, U8x16 b) { return {_mm_sub_epi8(a.raw, b.raw)}; }

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

  void store_f16(std::byte* to) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_cvtps_ph(raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
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

  static F32x16 broadcast_f16(const std::byte* from) {
    std::int16_t half = 0;
    __builtin_memcpy(&half, from, sizeof half);
    return {_mm512_cvtph_ps(_mm256_set1_epi16(half))};
  }

  static F32x16 of_u8(U8x16 bytes) { return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes.raw))}; }
  static F32x16 of_i8(U8x16 bytes) { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes.raw))}; }
  static F32x16 load_i8(const std::byte* from) { return of_i8(U8x16::load(from)); }

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

/// The sixteen values that a code of four bits can stand for. The permutation looks at the four lowest bits
/// of a lane only, so codes need no mask, and no conversion to floats.
class NibbleValues {
 public:
  explicit NibbleValues(F32x16 values) : values_(values) {}
  F32x16 low(const std::byte* from) const { return {_mm512_permutexvar_ps(lanes(from), values_.raw)}; }
  F32x16 high(const std::byte* from) const {
    return {_mm512_permutexvar_ps(_mm512_srli_epi32(lanes(from), 4), values_.raw)};
  }

 private:
  static __m512i lanes(const std::byte* from) { return _mm512_cvtepu8_epi32(U8x16::load(from).raw); }
  F32x16 values_;
};

struct LinearNibbles : NibbleValues {
  LinearNibbles(F32x16 scale, F32x16 offset) : NibbleValues(fma(codes(), scale, offset)) {}
  static LinearNibbles around_8(F32x16 scale) {
    return LinearNibbles((codes() - F32x16::broadcast(8.0f)) * scale);
  }

 private:
  using NibbleValues::NibbleValues;
  static F32x16 codes() { return {_mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)}; }
};

struct Table {
  std::int8_t values[16];
};

struct TableNibbles : NibbleValues {
  TableNibbles(const Table& table, F32x16 scale)
      : NibbleValues(F32x16::load_i8(reinterpret_cast<const std::byte*>(table.values)) * scale) {}
};

}  // namespace
}  // namespace yoke::kernels
