#include "runtime/odds.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace yoke::runtime {
namespace {

constexpr std::size_t tile = 256;  // values at a time, so that they stay in the first-level cache
constexpr float scale = full_odds;
constexpr float high_units = 0x1p30F;  // of Exponentials, that make up 1
constexpr float low_units = 0x1p31F;   // that make up a high one

/// Calls body(distances, exponentials) for a tile of the logits after the other.
template <class Body>
void for_tiles(const kernels::Kernels& kernels, std::span<const float> logits, float top, float temperature,
               Body body) {
  std::array<float, tile> distances;
  std::array<float, tile> exponents;
  for (std::size_t begin = 0; begin < logits.size(); begin += tile) {
    const std::size_t n = std::min(tile, logits.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      distances[i] = distance(logits[begin + i], top, temperature);
      exponents[i] = -distances[i];
    }
    kernels.exp(exponents.data(), exponents.data(), static_cast<std::int64_t>(n));
    body(std::span<const float>(distances).first(n), std::span<const float>(exponents).first(n));
  }
}

std::uint64_t whole(float fraction) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(fraction * scale));
}

Sums sums_of(float distance, float exponential) {
  // ∞ · 0 is not a number.
  return {whole(exponential), exponential > 0 ? whole(exponential * distance) : 0};
}

}  // namespace

Sums add_odds(const kernels::Kernels& kernels, std::span<const float> logits, float top, float temperature) {
  Sums sums;
  for_tiles(kernels, logits, top, temperature, [&](auto distances, auto exponentials) {
    for (std::size_t i = 0; i < distances.size(); ++i) sums += sums_of(distances[i], exponentials[i]);
  });
  return sums;
}

std::vector<TokenOdds> odds_of(const kernels::Kernels& kernels, std::span<const Candidate> candidates,
                               float temperature) {
  std::vector<float> logits;
  logits.reserve(candidates.size());
  for (const Candidate& candidate : candidates) logits.push_back(candidate.logit);
  std::vector<TokenOdds> listed;
  listed.reserve(candidates.size());
  for_tiles(kernels, logits, logits.empty() ? 0 : logits.front(), temperature,
            [&](auto distances, auto exponentials) {
              for (std::size_t i = 0; i < distances.size(); ++i) {
                listed.push_back(
                    {candidates[listed.size()].token, distances[i], sums_of(distances[i], exponentials[i])});
              }
            });
  return listed;
}

Exponentials add_exponentials(const kernels::Kernels& kernels, std::span<const float> logits, float top) {
  Exponentials sum;
  for_tiles(kernels, logits, top, 1, [&](auto, auto exponentials) {
    for (const float exponential : exponentials) {
      const float units = exponential * high_units;
      const auto high = static_cast<std::int32_t>(units);
      const auto low = static_cast<std::int32_t>((units - static_cast<float>(high)) * low_units);
      sum.high += static_cast<std::uint32_t>(high);
      sum.low += static_cast<std::uint32_t>(low);
    }
  });
  return sum;
}

double log_probability(float logit, float top, const Exponentials& sum) {
  const double high = static_cast<double>(sum.high) + static_cast<double>(sum.low) / double{low_units};
  return static_cast<double>(logit) - static_cast<double>(top) - std::log(high / double{high_units});
}

}  // namespace yoke::runtime
