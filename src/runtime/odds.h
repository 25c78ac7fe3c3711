// Probabilities of tokens, up to a common factor, as whole numbers: their sums do not depend on the order of
// addition, so ranks that each add up their own part find the same total as one that has the whole row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernels.h"
#include "runtime/candidates.h"

namespace yoke::runtime {

/// The odds of the likeliest token. Others have e^−distance of it, rounded down: what is less than 10⁻¹²
/// times as likely has none. 2²⁴ tokens can be added up; no model has more.
inline constexpr std::uint64_t full_odds = std::uint64_t{1} << 40;

/// How far a token lies from the likeliest: ln(p_likeliest / p) = (top − logit) / temperature ≥ 0, in
/// float32; ∞ where that is beyond it.
inline float distance(float logit, float top, float temperature) { return (top - logit) / temperature; }

struct Sums {
  std::uint64_t odds = 0;
  /// Σ odds · distance, each rounded down. Divided by Σ odds it is the mean distance, which a token of
  /// average surprise has: −ln p less the entropy is the token's distance less the mean.
  std::uint64_t odds_by_distance = 0;

  Sums& operator+=(const Sums& other) {
    odds += other.odds;
    odds_by_distance += other.odds_by_distance;
    return *this;
  }
  bool operator==(const Sums&) const = default;
};

/// Over some of a row's logits, of which `top` is the largest anywhere. temperature > 0.
Sums add_odds(const kernels::Kernels& kernels, std::span<const float> logits, float top, float temperature);

/// A candidate and its part of the sums.
struct TokenOdds {
  Token token = 0;
  float distance = 0;
  Sums sums;
};
/// The candidates begin with the likeliest of the row.
std::vector<TokenOdds> odds_of(const kernels::Kernels& kernels, std::span<const Candidate> candidates,
                               float temperature);

/// Σ e^(logit − top), of which the largest logit adds 2⁶¹: finer than odds, so that ln p is exact also for a
/// token that is nearly certain. Both parts of each addend, rounded down, are added up apart; of 2²⁴ tokens
/// neither overflows.
struct Exponentials {
  std::uint64_t high = 0;  // in units of 2³¹
  std::uint64_t low = 0;

  Exponentials& operator+=(const Exponentials& other) {
    high += other.high;
    low += other.low;
    return *this;
  }
  bool operator==(const Exponentials&) const = default;
};

/// Over some of a row's logits, of which `top` is the largest anywhere; all are finite.
Exponentials add_exponentials(const kernels::Kernels& kernels, std::span<const float> logits, float top);
/// ln p of a token with this logit, by the sum over the whole row.
double log_probability(float logit, float top, const Exponentials& sum);

}  // namespace yoke::runtime
