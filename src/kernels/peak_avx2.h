// The int8 product that AVX2 has for bytes of any value: pairs to 16 bits, those to 32. See peak_scalar.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int f32_chains = 6;

struct Int8Values {
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-5), ones = _mm256_set1_epi16(1);
  Int8Values() { asm volatile("" : "+x"(a), "+x"(b), "+x"(ones)); }
};

struct Int8Chain {
  static constexpr int side_by_side = 4, products = 32;

  __m256i sums = _mm256_setzero_si256();
  Int8Chain() { asm volatile("" : "+x"(sums)); }
  void add(const Int8Values& values) {
    __m256i a = values.a;
    asm volatile("" : "+x"(a));
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(a, values.b), values.ones));
  }
  void end() const { asm volatile("" : : "x"(sums)); }
};

}  // namespace
}  // namespace yoke::kernels
