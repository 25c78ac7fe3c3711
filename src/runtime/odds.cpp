#include "runtime/odds.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace yoke::runtime {
namespace {

constexpr std::size_t tile = 256;  // values at a time, so that they stay in the first-level cache
constexpr float scale = full_odds;

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

LogSumExp log_sum_exp(const kernels::Kernels& kernels, std::span<const float> logits) {
  LogSumExp part{-std::numeric_limits<float>::infinity(), 0};
  for (const float logit : logits) part.max = logit > part.max ? logit : part.max;
  std::array<double, 16> sums{};
  for_tiles(kernels, logits, part.max, 1, [&](auto, auto exponentials) {
    for (std::size_t i = 0; i < exponentials.size(); ++i)
      sums[i % sums.size()] += static_cast<double>(exponentials[i]);
  });
  for (const double sum : sums) part.sum += sum;
  return part;
}

double joined(std::span<const LogSumExp> parts) {
  float max = -std::numeric_limits<float>::infinity();
  for (const LogSumExp& part : parts) max = std::max(max, part.max);
  double sum = 0;
  for (const LogSumExp& part : parts) {
    if (part.sum != 0) sum += part.sum * std::exp(static_cast<double>(part.max) - static_cast<double>(max));
  }
  return static_cast<double>(max) + std::log(sum);
}

}  // namespace yoke::runtime
