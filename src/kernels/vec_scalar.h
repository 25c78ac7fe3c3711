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
/// Vectors of sums that attention holds in registers.
constexpr int attention_sums = 4;

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

/// binary32 → IEEE binary16, rounded to nearest, ties to even; beyond the range infinity.
inline std::uint16_t half_of_float(float value) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t sign = bits >> 16 & 0x8000;
  const std::uint32_t magnitude = bits & 0x7fffffff;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000) {
    half = 0x7e00 | (magnitude >> 13 & 0x1ff);  // NaN
  } else if (magnitude >= 0x477ff000) {
    half = 0x7c00;
  } else if (magnitude < 0x38800000) {
    // A whole number of 2^-24, as floats in [0.5, 1) are: the addition rounds in the right place.
    half = __builtin_bit_cast(std::uint32_t, as_float(magnitude) + 0.5f) - 0x3f000000;
  } else {
    half = (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
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

/// Sixteen bytes; arithmetic wraps.
struct U8x16 {
  std::uint8_t lane[16];

  static U8x16 load(const std::byte* from) {
    U8x16 out;
    __builtin_memcpy(out.lane, from, sizeof out.lane);
    return out;
  }
  static U8x16 broadcast(std::uint8_t value) {
    U8x16 out;
    for (std::uint8_t& each : out.lane) each = value;
    return out;
  }
  /// All ones in byte i where bit i is set, else 0.
  static U8x16 spread(std::uint16_t bits) {
    U8x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = (bits >> i & 1) != 0 ? 0xff : 0;
    return out;
  }
  /// `count` bits of every byte, from bit `from` on, moved to bit `to`; all other bits are 0.
  U8x16 field(int from, int count, int to = 0) const {
    U8x16 out;
    for (int i = 0; i < 16; ++i)
      out.lane[i] = static_cast<std::uint8_t>((lane[i] >> from & ((1 << count) - 1)) << to);
    return out;
  }
};

inline U8x16 operator&(U8x16 a, U8x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] = static_cast<std::uint8_t>(a.lane[i] & b.lane[i]);
  return a;
}
inline U8x16 operator|(U8x16 a, U8x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] = static_cast<std::uint8_t>(a.lane[i] | b.lane[i]);
  return a;
}
inline U8x16 operator-(U8x16 a, U8x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] = static_cast<std::uint8_t>(a.lane[i] - b.lane[i]);
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

  /// As sixteen F16, rounded to nearest, ties to even.
  void store_f16(std::byte* to) const {
    std::uint16_t halves[16];
    for (int i = 0; i < 16; ++i) halves[i] = half_of_float(lane[i]);
    __builtin_memcpy(to, halves, sizeof halves);
  }

  static F32x16 load_bf16(const std::byte* from) { return load_bf16_partial(from, 16); }
  static F32x16 load_bf16_partial(const std::byte* from, int n) {
    std::uint16_t halves[16] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * sizeof halves[0]);
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = as_float(static_cast<std::uint32_t>(halves[i]) << 16);
    return out;
  }

  /// One F16 for all lanes.
  static F32x16 broadcast_f16(const std::byte* from) {
    std::uint16_t half = 0;
    __builtin_memcpy(&half, from, sizeof half);
    return broadcast(float_of_half(half));
  }

  /// Sixteen unsigned, or signed, bytes.
  static F32x16 of_u8(U8x16 bytes) {
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = bytes.lane[i];
    return out;
  }
  static F32x16 of_i8(U8x16 bytes) {
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = static_cast<std::int8_t>(bytes.lane[i]);
    return out;
  }
  static F32x16 load_i8(const std::byte* from) { return of_i8(U8x16::load(from)); }

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

/// What the low, or the high, halves of sixteen bytes stand for: q·scale + offset, rounded once.
class LinearNibbles {
 public:
  LinearNibbles(F32x16 scale, F32x16 offset) : scale_(scale), offset_(offset) {}
  /// (q − 8)·scale; exact where scale is an F16.
  static LinearNibbles around_8(F32x16 scale) { return {scale, scale * F32x16::broadcast(-8.0f)}; }
  F32x16 low(const std::byte* from) const { return value(U8x16::load(from).field(0, 4)); }
  F32x16 high(const std::byte* from) const { return value(U8x16::load(from).field(4, 4)); }

 private:
  F32x16 value(U8x16 codes) const { return fma(F32x16::of_u8(codes), scale_, offset_); }
  F32x16 scale_, offset_;
};

/// What sixteen codes stand for, before a block's scale.
struct Table {
  std::int8_t values[16];
};

/// The same for table.values[q]·scale.
class TableNibbles {
 public:
  TableNibbles(const Table& table, F32x16 scale) : table_(table), scale_(scale) {}
  F32x16 low(const std::byte* from) const { return value(U8x16::load(from).field(0, 4)); }
  F32x16 high(const std::byte* from) const { return value(U8x16::load(from).field(4, 4)); }

 private:
  F32x16 value(U8x16 codes) const {
    F32x16 out;
    for (int i = 0; i < 16; ++i) out.lane[i] = table_.values[codes.lane[i]];
    return out * scale_;
  }
  Table table_;
  F32x16 scale_;
};

}  // namespace
}  // namespace yoke::kernels
