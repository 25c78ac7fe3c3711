// Sums and products of sizes that a lying file may have chosen: past 64 bits they stay at the largest number.
#pragma once

#include <cstdint>
#include <limits>

namespace yoke {

/// Factors and terms are of any integer type, and not negative.
template <class... Factors>
constexpr std::uint64_t saturating_product(Factors... factors) {
  if (((factors == 0) || ...)) return 0;
  std::uint64_t product = 1;
  const int overflows = (0 + ... + static_cast<int>(__builtin_mul_overflow(product, factors, &product)));
  return overflows > 0 ? std::numeric_limits<std::uint64_t>::max() : product;
}

template <class... Terms>
constexpr std::uint64_t saturating_sum(Terms... terms) {
  std::uint64_t sum = 0;
  const int overflows = (0 + ... + static_cast<int>(__builtin_add_overflow(sum, terms, &sum)));
  return overflows > 0 ? std::numeric_limits<std::uint64_t>::max() : sum;
}

}  // namespace yoke
