// What peak.h is written over, here in plain C++; peak_avx2.h, peak_avx512.h and peak_neon.h have their
// instructions. Several chains of int8 products run side by side, because each step waits for the one before.
//
// The empty asm statements cost nothing. They say that a value may have changed, or is needed, so that the
// compiler neither computes a product once for all nor leaves it out.
#pragma once

#include <cstdint>

namespace yoke::kernels {
namespace {

/// Chains of 16 floats that keep the units busy and fit into the registers.
constexpr int f32_chains = 2;

/// What is multiplied in every step.
struct Int8Values {
  std::int8_t a[256] = {}, b[256] = {};
  Int8Values() { asm volatile("" : "+m"(a), "+m"(b)); }
};

struct Int8Chain {
  static constexpr int side_by_side = 1;  // chains that keep the units busy and fit into the registers
  static constexpr int products = 256;    // of each step

  std::int32_t sum = 0;
  void add(const Int8Values& values) {
    asm volatile("" : : "m"(values) : "memory");
    for (int i = 0; i < products; ++i) sum += values.a[i] * values.b[i];
  }
  void end() const { asm volatile("" : : "r"(sum)); }
};

}  // namespace
}  // namespace yoke::kernels
