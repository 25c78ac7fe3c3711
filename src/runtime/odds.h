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

/// ln Σ e^logit, as a maximum and a sum of e^(logit − maximum) so that ranks' parts can be joined.
struct LogSumExp {
  float max = 0;  // −∞ where there is no logit
  double sum = 0;
};
LogSumExp log_sum_exp(const kernels::Kernels& kernels, std::span<const float> logits);
/// ln of the sum over all parts; NaN where a logit was.
double joined(std::span<const LogSumExp> parts);

}  // namespace yoke::runtime
