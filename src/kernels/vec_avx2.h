// Sixteen lanes as two ymm registers. The operations mean what vec_scalar.h says.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int gemm_rows = 2, gemm_tokens = 2, gemv_rows = 4;
constexpr int attention_sums = 6;

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

inline __m128i load_8(const std::byte* from) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
}
inline __m128i load_16(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

struct U8x16 {
  __m128i raw;

  static U8x16 load(const std::byte* from) { return {load_16(from)}; }
  static U8x16 broadcast(std::uint8_t value) { return {_mm_set1_epi8(static_cast<char>(value))}; }
  static U8x16 spread(std::uint16_t bits) {
    const __m128i each = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
    const __m128i bytes = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    const __m128i all = _mm_shuffle_epi8(_mm_set1_epi16(static_cast<short>(bits)), bytes);
    return {_mm_cmpeq_epi8(_mm_and_si128(all, each), each)};
  }
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
    return {_mm256_cvtph_ps(load_16(from)), _mm256_cvtph_ps(load_16(from + 16))};
  }
  static F32x16 load_f16_partial(const std::byte* from, int n) {
    std::byte halves[32] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * 2);
    return load_f16(halves);
  }

  void store_f16(std::byte* to) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(low, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), _mm256_cvtps_ph(high, _MM_FROUND_TO_NEAREST_INT));
  }

  static __m256 of_bf16(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  static F32x16 load_bf16(const std::byte* from) {
    return {of_bf16(load_16(from)), of_bf16(load_16(from + 16))};
  }
  static F32x16 load_bf16_partial(const std::byte* from, int n) {
    std::byte halves[32] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * 2);
    return load_bf16(halves);
  }

  static F32x16 broadcast_f16(const std::byte* from) {
    std::int16_t half = 0;
    __builtin_memcpy(&half, from, sizeof half);
    const __m256 all = _mm256_cvtph_ps(_mm_set1_epi16(half));
    return {all, all};
  }

  static F32x16 of_u8(U8x16 bytes) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes.raw)),
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(bytes.raw, bytes.raw)))};
  }
  static F32x16 of_i8(U8x16 bytes) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes.raw)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes.raw, bytes.raw)))};
  }
  static F32x16 load_i8(const std::byte* from) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_8(from))),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_8(from + 8)))};
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

class LinearNibbles {
 public:
  LinearNibbles(F32x16 scale, F32x16 offset) : scale_(scale), offset_(offset) {}
  static LinearNibbles around_8(F32x16 scale) { return {scale, scale * F32x16::broadcast(-8.0f)}; }
  F32x16 low(const std::byte* from) const {
    const __m256i mask = _mm256_set1_epi32(15);
    return value(_mm256_and_si256(_mm256_cvtepu8_epi32(load_8(from)), mask),
                 _mm256_and_si256(_mm256_cvtepu8_epi32(load_8(from + 8)), mask));
  }
  F32x16 high(const std::byte* from) const {
    return value(_mm256_srli_epi32(_mm256_cvtepu8_epi32(load_8(from)), 4),
                 _mm256_srli_epi32(_mm256_cvtepu8_epi32(load_8(from + 8)), 4));
  }

 private:
  F32x16 value(__m256i first, __m256i second) const {
    return fma({_mm256_cvtepi32_ps(first), _mm256_cvtepi32_ps(second)}, scale_, offset_);
  }
  F32x16 scale_, offset_;
};

struct Table {
  std::int8_t values[16];
};

class TableNibbles {
 public:
  TableNibbles(const Table& table, F32x16 scale)
      : table_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table.values))), scale_(scale) {}
  F32x16 low(const std::byte* from) const { return value(U8x16::load(from).field(0, 4)); }
  F32x16 high(const std::byte* from) const { return value(U8x16::load(from).field(4, 4)); }

 private:
  F32x16 value(U8x16 codes) const { return F32x16::of_i8({_mm_shuffle_epi8(table_, codes.raw)}) * scale_; }
  __m128i table_;
  F32x16 scale_;
};

}  // namespace
}  // namespace yoke::kernels
