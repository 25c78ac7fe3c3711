// Sixteen lanes in plain C++: the meaning of every operation that vec_avx2.h, vec_avx512.h and vec_neon.h
// repeat with their instructions, bit for bit (except that a NaN may be any NaN).
//
// Each isa_*.cpp includes exactly one of the four, then body.h. Everything is in an unnamed namespace and
// uses neither the C++ library nor inline functions of other headers: a function that two translation units
// share might be linked from the one whose instructions this machine lacks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

/// Rows × tokens whose sums a matmul holds in registers.
constexpr int gemm_rows = 2, gemm_tokens = 2, gemv_rows = 2;

inline float as_float(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

/// IEEE binary16 → binary32, exactly.
inline float float_of_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1f;
  const std::uint32_t mantissa = half & 0x3ff;
  if (exponent == 31) return as_float(sign | 0x7f800000 | mantissa << 13);
  if (exponent != 0) return as_float(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal or zero
  return sign != 0 ? -magnitude : magnitude;
}

/// Sixteen 32-bit integers; arithmetic wraps.
struct I32x16 {
  std::uint32_t lane[16];

  template <int n>
  I32x16 shift_left() const {
    I32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = lane[i] << n;
    return out;
  }
  /// Keeps the sign.
  template <int n>
  I32x16 shift_right() const {
    I32x16 out;
    for (int i = 0; i < 16; ++i)
      out.lane[i] = static_cast<std::uint32_t>(static_cast<std::int32_t>(lane[i]) >> n);
    return out;
  }
  static I32x16 broadcast(std::int32_t value) {
    I32x16 out;
    for (std::uint32_t& each : out.lane) each = static_cast<std::uint32_t>(value);
    return out;
  }
};

inline I32x16 operator+(I32x16 a, I32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] += b.lane[i];
  return a;
}

inline I32x16 operator-(I32x16 a, I32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] -= b.lane[i];
  return a;
}

/// Sixteen floats.
struct F32x16 {
  float lane[16];

  static F32x16 broadcast(float value) {
    F32x16 out;
    for (float& each : out.lane) each = value;
    return out;
  }

  // Memory needs no alignment. "_partial" touches the first n < 16 values only; the lanes behind them are 0.

  static F32x16 load(const float* from) {
    F32x16 out;
    __builtin_memcpy(out.lane, from, sizeof out.lane);
    return out;
  }
  static F32x16 load_partial(const float* from, int n) {
    F32x16 out = broadcast(0.0f);
    __builtin_memcpy(out.lane, from, static_cast<std::size_t>(n) * sizeof(float));
    return out;
  }
  void store(float* to) const { __builtin_memcpy(to, lane, sizeof lane); }
  void store_partial(float* to, int n) const {
    __builtin_memcpy(to, lane, static_cast<std::size_t>(n) * sizeof(float));
  }

  static F32x16 load_f16(const std::byte* from) { return load_f16_partial(from, 16); }
  static F32x16 load_f16_partial(const std::byte* from, int n) {
    std::uint16_t halves[16] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * sizeof halves[0]);
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = float_of_half(halves[i]);
    return out;
  }

  static F32x16 load_bf16(const std::byte* from) { return load_bf16_partial(from, 16); }
  static F32x16 load_bf16_partial(const std::byte* from, int n) {
    std::uint16_t halves[16] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * sizeof halves[0]);
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = as_float(static_cast<std::uint32_t>(halves[i]) << 16);
    return out;
  }

  /// 16 signed bytes.
  static F32x16 load_i8(const std::byte* from) {
    std::int8_t bytes[16];
    __builtin_memcpy(bytes, from, sizeof bytes);
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = bytes[i];
    return out;
  }
  /// The low (high) four bits of 16 bytes, less 8.
  static F32x16 load_low_nibbles(const std::byte* from) {
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = static_cast<float>((static_cast<int>(from[i]) & 15) - 8);
    return out;
  }
  static F32x16 load_high_nibbles(const std::byte* from) {
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = static_cast<float>((static_cast<int>(from[i]) >> 4) - 8);
    return out;
  }

  I32x16 bits() const {
    I32x16 out;
    __builtin_memcpy(out.lane, lane, sizeof lane);
    return out;
  }
  static F32x16 from_bits(I32x16 bits) {
    F32x16 out;
    __builtin_memcpy(out.lane, bits.lane, sizeof out.lane);
    return out;
  }

  /// One tree: lanes i and i + 8, then i and i + 4, i and i + 2, 0 and 1.
  float reduce_add() const {
    F32x16 sum = *this;
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) sum.lane[i] += sum.lane[i + half];
    }
    return sum.lane[0];
  }
  float reduce_max() const {
    F32x16 most = *this;
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) {
        most.lane[i] = most.lane[i] > most.lane[i + half] ? most.lane[i] : most.lane[i + half];
      }
    }
    return most.lane[0];
  }
};

inline F32x16 operator+(F32x16 a, F32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] += b.lane[i];
  return a;
}

inline F32x16 operator-(F32x16 a, F32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] -= b.lane[i];
  return a;
}

inline F32x16 operator*(F32x16 a, F32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] *= b.lane[i];
  return a;
}

inline F32x16 operator/(F32x16 a, F32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] /= b.lane[i];
  return a;
}

/// a·b + c, rounded once.
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  for (int i = 0; i < 16; ++i) c.lane[i] = __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]);
  return c;
}

/// a > b ? a : b, so b where either is NaN.
inline F32x16 max(F32x16 a, F32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
  return a;
}

/// a < b ? a : b, so b where either is NaN.
inline F32x16 min(F32x16 a, F32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
  return a;
}

}  // namespace
}  // namespace yoke::kernels
