// Sixteen lanes as four NEON registers. The operations mean what vec_scalar.h says.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int gemm_rows = 2, gemm_tokens = 2, gemv_rows = 4;
constexpr int attention_sums = 6;

inline float float_of_half(std::uint16_t half) {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half))), 0);
}

struct I32x16 {
  int32x4_t raw[4];

  template <int n>
  I32x16 shift_left() const {
    return {vshlq_n_s32(raw[0], n), vshlq_n_s32(raw[1], n), vshlq_n_s32(raw[2], n), vshlq_n_s32(raw[3], n)};
  }
  template <int n>
  I32x16 shift_right() const {
    return {vshrq_n_s32(raw[0], n), vshrq_n_s32(raw[1], n), vshrq_n_s32(raw[2], n), vshrq_n_s32(raw[3], n)};
  }
  static I32x16 broadcast(std::int32_t value) {
    const int32x4_t all = vdupq_n_s32(value);
    return {all, all, all, all};
  }
};

inline I32x16 operator+(I32x16 a, I32x16 b) {
  return {vaddq_s32(a.raw[0], b.raw[0]), vaddq_s32(a.raw[1], b.raw[1]), vaddq_s32(a.raw[2], b.raw[2]),
          vaddq_s32(a.raw[3], b.raw[3])};
}
inline I32x16 operator-(I32x16 a, I32x16 b) {
  return {vsubq_s32(a.raw[0], b.raw[0]), vsubq_s32(a.raw[1], b.raw[1]), vsubq_s32(a.raw[2], b.raw[2]),
          vsubq_s32(a.raw[3], b.raw[3])};
}

// NEON's own maximum and minimum treat NaN and −0 otherwise.
inline float32x4_t max4(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
inline float32x4_t min4(float32x4_t a, float32x4_t b) { return vbslq_f32(vcltq_f32(a, b), a, b); }

struct U8x16 {
  uint8x16_t raw;

  static U8x16 load(const std::byte* from) { return {vld1q_u8(reinterpret_cast<const std::uint8_t*>(from))}; }
  static U8x16 broadcast(std::uint8_t value) { return {vdupq_n_u8(value)}; }
  static U8x16 spread(std::uint16_t bits) {
    const std::uint8_t each[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t all = vcombine_u8(vdup_n_u8(static_cast<std::uint8_t>(bits & 0xff)),
                                       vdup_n_u8(static_cast<std::uint8_t>(bits >> 8)));
    return {vtstq_u8(all, vld1q_u8(each))};
  }
  U8x16 field(int from, int count, int to = 0) const {
    const uint8x16_t moved = vshlq_u8(raw, vdupq_n_s8(static_cast<std::int8_t>(to - from)));
    return {vandq_u8(moved, vdupq_n_u8(static_cast<std::uint8_t>(((1 << count) - 1) << to)))};
  }
};

inline U8x16 operator&(U8x16 a, U8x16 b) { return {vandq_u8(a.raw, b.raw)}; }
inline U8x16 operator|(U8x16 a, U8x16 b) { return {vorrq_u8(a.raw, b.raw)}; }
inline U8x16 operator-(U8x16 a, U8x16 b) { return {vsubq_u8(a.raw, b.raw)}; }

struct F32x16 {
  float32x4_t raw[4];

  static F32x16 broadcast(float value) {
    const float32x4_t all = vdupq_n_f32(value);
    return {all, all, all, all};
  }

  static F32x16 load(const float* from) {
    return {vld1q_f32(from), vld1q_f32(from + 4), vld1q_f32(from + 8), vld1q_f32(from + 12)};
  }
  static F32x16 load_partial(const float* from, int n) {
    float values[16] = {};
    __builtin_memcpy(values, from, static_cast<std::size_t>(n) * sizeof values[0]);
    return load(values);
  }
  void store(float* to) const {
    for (int i = 0; i < 4; ++i) vst1q_f32(to + 4 * i, raw[i]);
  }
  void store_partial(float* to, int n) const {
    float values[16];
    store(values);
    __builtin_memcpy(to, values, static_cast<std::size_t>(n) * sizeof values[0]);
  }

  static uint16x8_t load_u16(const std::byte* from) {
    return vreinterpretq_u16_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(from)));
  }
  static F32x16 load_f16(const std::byte* from) {
    const float16x8_t low = vreinterpretq_f16_u16(load_u16(from));
    const float16x8_t high = vreinterpretq_f16_u16(load_u16(from + 16));
    return {vcvt_f32_f16(vget_low_f16(low)), vcvt_f32_f16(vget_high_f16(low)),
            vcvt_f32_f16(vget_low_f16(high)), vcvt_f32_f16(vget_high_f16(high))};
  }
  static F32x16 load_f16_partial(const std::byte* from, int n) {
    std::byte halves[32] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * 2);
    return load_f16(halves);
  }

  void store_f16(std::byte* to) const {
    for (int i = 0; i < 4; ++i) {
      vst1_u8(reinterpret_cast<std::uint8_t*>(to + 8 * i), vreinterpret_u8_f16(vcvt_f16_f32(raw[i])));
    }
  }

  static float32x4_t of_bf16(uint16x4_t halves) { return vreinterpretq_f32_u32(vshll_n_u16(halves, 16)); }
  static F32x16 load_bf16(const std::byte* from) {
    const uint16x8_t low = load_u16(from);
    const uint16x8_t high = load_u16(from + 16);
    return {of_bf16(vget_low_u16(low)), of_bf16(vget_high_u16(low)), of_bf16(vget_low_u16(high)),
            of_bf16(vget_high_u16(high))};
  }
  static F32x16 load_bf16_partial(const std::byte* from, int n) {
    std::byte halves[32] = {};
    __builtin_memcpy(halves, from, static_cast<std::size_t>(n) * 2);
    return load_bf16(halves);
  }

  static F32x16 broadcast_f16(const std::byte* from) {
    std::uint16_t half = 0;
    __builtin_memcpy(&half, from, sizeof half);
    return broadcast(float_of_half(half));
  }

  static float32x4_t of_u16(uint16x4_t values) { return vcvtq_f32_u32(vmovl_u16(values)); }
  static float32x4_t of_i16(int16x4_t values) { return vcvtq_f32_s32(vmovl_s16(values)); }
  static F32x16 of_u8(U8x16 bytes) {
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes.raw));
    const uint16x8_t high = vmovl_u8(vget_high_u8(bytes.raw));
    return {of_u16(vget_low_u16(low)), of_u16(vget_high_u16(low)), of_u16(vget_low_u16(high)),
            of_u16(vget_high_u16(high))};
  }
  static F32x16 of_i8(U8x16 bytes) {
    const int8x16_t with_sign = vreinterpretq_s8_u8(bytes.raw);
    const int16x8_t low = vmovl_s8(vget_low_s8(with_sign));
    const int16x8_t high = vmovl_s8(vget_high_s8(with_sign));
    return {of_i16(vget_low_s16(low)), of_i16(vget_high_s16(low)), of_i16(vget_low_s16(high)),
            of_i16(vget_high_s16(high))};
  }
  static F32x16 load_i8(const std::byte* from) { return of_i8(U8x16::load(from)); }

  I32x16 bits() const {
    return {vreinterpretq_s32_f32(raw[0]), vreinterpretq_s32_f32(raw[1]), vreinterpretq_s32_f32(raw[2]),
            vreinterpretq_s32_f32(raw[3])};
  }
  static F32x16 from_bits(I32x16 bits) {
    return {vreinterpretq_f32_s32(bits.raw[0]), vreinterpretq_f32_s32(bits.raw[1]),
            vreinterpretq_f32_s32(bits.raw[2]), vreinterpretq_f32_s32(bits.raw[3])};
  }

  float reduce_add() const {
    const float32x4_t four = vaddq_f32(vaddq_f32(raw[0], raw[2]), vaddq_f32(raw[1], raw[3]));
    const float32x4_t two = vaddq_f32(four, vextq_f32(four, four, 2));
    return vgetq_lane_f32(two, 0) + vgetq_lane_f32(two, 1);
  }
  float reduce_max() const {
    const float32x4_t four = max4(max4(raw[0], raw[2]), max4(raw[1], raw[3]));
    const float32x4_t two = max4(four, vextq_f32(four, four, 2));
    return vgetq_lane_f32(max4(two, vextq_f32(two, two, 1)), 0);
  }
};

inline F32x16 operator+(F32x16 a, F32x16 b) {
  return {vaddq_f32(a.raw[0], b.raw[0]), vaddq_f32(a.raw[1], b.raw[1]), vaddq_f32(a.raw[2], b.raw[2]),
          vaddq_f32(a.raw[3], b.raw[3])};
}
inline F32x16 operator-(F32x16 a, F32x16 b) {
  return {vsubq_f32(a.raw[0], b.raw[0]), vsubq_f32(a.raw[1], b.raw[1]), vsubq_f32(a.raw[2], b.raw[2]),
          vsubq_f32(a.raw[3], b.raw[3])};
}
inline F32x16 operator*(F32x16 a, F32x16 b) {
  return {vmulq_f32(a.raw[0], b.raw[0]), vmulq_f32(a.raw[1], b.raw[1]), vmulq_f32(a.raw[2], b.raw[2]),
          vmulq_f32(a.raw[3], b.raw[3])};
}
inline F32x16 operator/(F32x16 a, F32x16 b) {
  return {vdivq_f32(a.raw[0], b.raw[0]), vdivq_f32(a.raw[1], b.raw[1]), vdivq_f32(a.raw[2], b.raw[2]),
          vdivq_f32(a.raw[3], b.raw[3])};
}
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {vfmaq_f32(c.raw[0], a.raw[0], b.raw[0]), vfmaq_f32(c.raw[1], a.raw[1], b.raw[1]),
          vfmaq_f32(c.raw[2], a.raw[2], b.raw[2]), vfmaq_f32(c.raw[3], a.raw[3], b.raw[3])};
}
inline F32x16 max(F32x16 a, F32x16 b) {
  return {max4(a.raw[0], b.raw[0]), max4(a.raw[1], b.raw[1]), max4(a.raw[2], b.raw[2]),
          max4(a.raw[3], b.raw[3])};
}
inline F32x16 min(F32x16 a, F32x16 b) {
  return {min4(a.raw[0], b.raw[0]), min4(a.raw[1], b.raw[1]), min4(a.raw[2], b.raw[2]),
          min4(a.raw[3], b.raw[3])};
}

class LinearNibbles {
 public:
  LinearNibbles(F32x16 scale, F32x16 offset) : scale_(scale), offset_(offset) {}
  static LinearNibbles around_8(F32x16 scale) { return {scale, scale * F32x16::broadcast(-8.0f)}; }
  F32x16 low(const std::byte* from) const { return value(U8x16::load(from).field(0, 4)); }
  F32x16 high(const std::byte* from) const { return value(U8x16::load(from).field(4, 4)); }

 private:
  F32x16 value(U8x16 codes) const { return fma(F32x16::of_u8(codes), scale_, offset_); }
  F32x16 scale_, offset_;
};

struct Table {
  std::int8_t values[16];
};

class TableNibbles {
 public:
  TableNibbles(const Table& table, F32x16 scale) : table_(vld1q_s8(table.values)), scale_(scale) {}
  F32x16 low(const std::byte* from) const { return value(U8x16::load(from).field(0, 4)); }
  F32x16 high(const std::byte* from) const { return value(U8x16::load(from).field(4, 4)); }

 private:
  F32x16 value(U8x16 codes) const {
    return F32x16::of_i8({vreinterpretq_u8_s8(vqtbl1q_s8(table_, codes.raw))}) * scale_;
  }
  int8x16_t table_;
  F32x16 scale_;
};

}  // namespace
}  // namespace yoke::kernels
