// The int8 product that every aarch64 has: two products to 16 bits, pairs of those to 32. See peak_scalar.h.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int f32_chains = 6;

struct Int8Values {
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-5);
  Int8Values() { asm volatile("" : "+w"(a), "+w"(b)); }
};

struct Int8Chain {
  static constexpr int side_by_side = 6, products = 16;

  int32x4_t sums = vdupq_n_s32(0);
  Int8Chain() { asm volatile("" : "+w"(sums)); }
  void add(const Int8Values& values) {
    int8x16_t a = values.a;
    asm volatile("" : "+w"(a));
    const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(values.b));
    sums = vpadalq_s16(sums, vmlal_s8(low, vget_high_s8(a), vget_high_s8(values.b)));
  }
  void end() const { asm volatile("" : : "w"(sums)); }
};

}  // namespace
}  // namespace yoke::kernels
