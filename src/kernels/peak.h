// The multiplying units at work and nothing else: what a matmul's speed is held against. Contract: kernels.h.
// Written over Int8Chain and Int8Values (peak_*.h) and F32x16 (vec_*.h), which are defined before.
#pragma once

#include <cstdint>

namespace yoke::kernels {
namespace {

inline std::int64_t int8_peak(std::int64_t rounds) {
  const Int8Values values;
  Int8Chain chains[Int8Chain::side_by_side];
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (Int8Chain& chain : chains) chain.add(values);
  }
  for (const Int8Chain& chain : chains) chain.end();
  return rounds * Int8Chain::side_by_side * Int8Chain::products;
}

inline std::int64_t f32_peak(std::int64_t rounds) {
  F32x16 sums[f32_chains];
  for (int i = 0; i < f32_chains; ++i) sums[i] = F32x16::broadcast(static_cast<float>(i));
  const F32x16 half = F32x16::broadcast(0.5f), one = F32x16::broadcast(1.0f);
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (F32x16& sum : sums) sum = fma(sum, half, one);  // tends to 2
  }
  float ends[f32_chains];
  for (int i = 0; i < f32_chains; ++i) ends[i] = sums[i].reduce_add();
  asm volatile("" : : "m"(ends));
  return rounds * f32_chains * 16;
}

}  // namespace
}  // namespace yoke::kernels
