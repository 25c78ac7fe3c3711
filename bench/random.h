// Values to compute with.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace yoke::bench {

/// `n` values of the standard normal distribution, always the same.
inline std::vector<float> random_floats(std::int64_t n) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace yoke::bench
