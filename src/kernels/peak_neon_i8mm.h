// The fastest int8 product of machines that have it: smmla, which has thirty-two products. See peak_scalar.h.
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
  static constexpr int side_by_side = 16, products = 32;

  int32x4_t sums = vdupq_n_s32(0);
  Int8Chain() { asm volatile("" : "+w"(sums)); }
  void add(const Int8Values& values) { sums = vmmlaq_s32(sums, values.a, values.b); }
  void end() const { asm volatile("" : : "w"(sums)); }
};

}  // namespace
}  // namespace yoke::kernels
