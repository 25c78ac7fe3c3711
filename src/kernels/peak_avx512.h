// The fastest int8 product of AVX512-VNNI: vpdpbusd. See peak_scalar.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int f32_chains = 12;

struct Int8Values {
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-5);
  Int8Values() { asm volatile("" : "+v"(a), "+v"(b)); }
};

struct Int8Chain {
  static constexpr int side_by_side = 16, products = 64;

  __m512i sums = _mm512_setzero_si512();
  Int8Chain() { asm volatile("" : "+v"(sums)); }
  void add(const Int8Values& values) { sums = _mm512_dpbusd_epi32(sums, values.a, values.b); }
  void end() const { asm volatile("" : : "v"(sums)); }
};

}  // namespace
}  // namespace yoke::kernels
