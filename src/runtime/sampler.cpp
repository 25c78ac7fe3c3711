#include "runtime/sampler.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace yoke::runtime {

double uniform(std::uint64_t seed, std::uint64_t counter) {
  // SplitMix64 (Steele, Lea & Flood 2014), of the seed's hash xor the counter, so that neighbouring seeds
  // share no stretch.
  const auto mix = [](std::uint64_t z) {
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  return static_cast<double>(mix(mix(seed) ^ counter) >> 11) * 0x1p-53;
}

Token sample(std::span<const float> logits, const Sampling& sampling, std::int32_t position) {
  assert(!logits.empty());
  const bool finite = std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); });
  require(finite, "the model's logits at position {} are not all finite; its weights are damaged", position);
  const auto best = std::max_element(logits.begin(), logits.end());
  if (sampling.temperature <= 0) return static_cast<Token>(best - logits.begin());

  std::vector<double> cumulative;
  cumulative.reserve(logits.size());
  double sum = 0;
  for (const float logit : logits) {
    sum += std::exp((static_cast<double>(logit) - static_cast<double>(*best)) /
                    static_cast<double>(sampling.temperature));
    cumulative.push_back(sum);
  }
  const double drawn = uniform(sampling.seed, static_cast<std::uint64_t>(position)) * sum;
  const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), drawn);
  return static_cast<Token>(std::min<std::ptrdiff_t>(found - cumulative.begin(), std::ssize(cumulative) - 1));
}

}  // namespace yoke::runtime
