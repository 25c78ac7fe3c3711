// Sixty-four bytes as four NEON registers, but for Dot: dot_neon.h and dot_neon_dotprod.h have it. The
// operations mean what vec64_scalar.h says.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/vec_neon.h"

namespace yoke::kernels {
namespace {

constexpr int tile_panels = 1, tile_tokens = 2, tile_tokens_by_halves = 2, float_tile_tokens = 4;
constexpr int gemv_panels = 1, gemv_tokens = 4, gemv_tile = 2, gemv_tile_by_halves = 2;
constexpr int gemv_panels_of_bytes = 1;
constexpr int gemv_most = 4;

inline I32x16 operator*(I32x16 a, I32x16 b) {
  return {vmulq_s32(a.raw[0], b.raw[0]), vmulq_s32(a.raw[1], b.raw[1]), vmulq_s32(a.raw[2], b.raw[2]),
          vmulq_s32(a.raw[3], b.raw[3])};
}
inline F32x16 to_float(I32x16 a) {
  return {vcvtq_f32_s32(a.raw[0]), vcvtq_f32_s32(a.raw[1]), vcvtq_f32_s32(a.raw[2]), vcvtq_f32_s32(a.raw[3])};
}
inline I32x16 widened_i8(U8x16 bytes) {
  const int8x16_t values = vreinterpretq_s8_u8(bytes.raw);
  const int16x8_t low = vmovl_s8(vget_low_s8(values)), high = vmovl_s8(vget_high_s8(values));
  return {vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)), vmovl_s16(vget_low_s16(high)),
          vmovl_s16(vget_high_s16(high))};
}
inline I32x16 widened_u8(U8x16 bytes) {
  const uint16x8_t low = vmovl_u8(vget_low_u8(bytes.raw)), high = vmovl_u8(vget_high_u8(bytes.raw));
  return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))),
          vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(low))),
          vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))),
          vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(high)))};
}
inline I32x16 load_i32(const std::int32_t* from) {
  return {vld1q_s32(from), vld1q_s32(from + 4), vld1q_s32(from + 8), vld1q_s32(from + 12)};
}
inline void store_i32(I32x16 a, std::int32_t* to) {
  for (int i = 0; i < 4; ++i) vst1q_s32(to + 4 * i, a.raw[i]);
}
inline void store_low_bytes(I32x16 a, std::int8_t* to) {
  const int16x8_t low = vcombine_s16(vmovn_s32(a.raw[0]), vmovn_s32(a.raw[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(a.raw[2]), vmovn_s32(a.raw[3]));
  vst1q_s8(to, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}
inline std::int32_t reduce_add(I32x16 a) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(a.raw[0], a.raw[1]), vaddq_s32(a.raw[2], a.raw[3])));
}

inline U8x16 spread_halves(const std::byte* from) {
  const uint8x8_t both = vld1_u8(reinterpret_cast<const std::uint8_t*>(from));
  return {vcombine_u8(vand_u8(both, vdup_n_u8(15)), vshr_n_u8(both, 4))};
}

inline U8x16 nibbles_of(std::uint64_t plane) {
  const uint8x8_t both = vcreate_u8(plane);
  const uint8x8_t even = vand_u8(both, vdup_n_u8(15)), odd = vshr_n_u8(both, 4);
  return {vcombine_u8(vzip1_u8(even, odd), vzip2_u8(even, odd))};
}

struct U8x64 {
  uint8x16_t raw[4];

  static U8x64 load(const std::byte* from) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
    return {vld1q_u8(bytes), vld1q_u8(bytes + 16), vld1q_u8(bytes + 32), vld1q_u8(bytes + 48)};
  }
  void store(std::byte* to) const {
    for (int i = 0; i < 4; ++i) vst1q_u8(reinterpret_cast<std::uint8_t*>(to) + 16 * i, raw[i]);
  }
  template <int from, int count, int to = 0>
  U8x64 field() const {
    U8x64 out;
    for (int i = 0; i < 4; ++i) {
      if constexpr (from > 0 && from + count == 8 && to == 0) {
        out.raw[i] = vshrq_n_u8(raw[i], from);
      } else {
        out.raw[i] = U8x16{raw[i]}.field(from, count, to).raw;
      }
    }
    return out;
  }
  /// `by` less, in every byte; below 0 a signed byte.
  template <int by>
  U8x64 minus() const {
    const uint8x16_t all = vdupq_n_u8(by);
    return {vsubq_u8(raw[0], all), vsubq_u8(raw[1], all), vsubq_u8(raw[2], all), vsubq_u8(raw[3], all)};
  }
  U8x64 look_up(const std::uint8_t (&table)[16]) const {
    const uint8x16_t values = vld1q_u8(table);
    return {vqtbl1q_u8(values, raw[0]), vqtbl1q_u8(values, raw[1]), vqtbl1q_u8(values, raw[2]),
            vqtbl1q_u8(values, raw[3])};
  }
  U8x64 plus_eight(std::uint64_t bits) const {
    const uint8x16_t own = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    U8x64 out;
    for (int i = 0; i < 4; ++i) {
      const uint8x8_t first = vdup_n_u8(static_cast<std::uint8_t>(bits >> (16 * i)));
      const uint8x8_t second = vdup_n_u8(static_cast<std::uint8_t>(bits >> (16 * i + 8)));
      const uint8x16_t set = vtstq_u8(vcombine_u8(first, second), own);
      out.raw[i] = vorrq_u8(raw[i], vandq_u8(set, vdupq_n_u8(8)));
    }
    return out;
  }
  U8x64 scaled(I32x16 factors) const {
    U8x64 out;
    for (int i = 0; i < 4; ++i) {
      const int32x4_t each = vmulq_n_s32(factors.raw[i], 0x01010101);  // factors are below 256
      out.raw[i] = vmulq_u8(raw[i], vreinterpretq_u8_s32(each));
    }
    return out;
  }
};

inline U8x64 operator|(U8x64 a, U8x64 b) {
  return {vorrq_u8(a.raw[0], b.raw[0]), vorrq_u8(a.raw[1], b.raw[1]), vorrq_u8(a.raw[2], b.raw[2]),
          vorrq_u8(a.raw[3], b.raw[3])};
}

}  // namespace
}  // namespace yoke::kernels
