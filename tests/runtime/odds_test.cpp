#include "runtime/odds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace yoke::runtime {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<float> random_logits(std::size_t n) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> logits(n);
  for (float& logit : logits) logit = normal(random);
  logits[n / 2] = -infinity;
  logits[n / 3] = -1000;
  return logits;
}

TEST(AddOdds, GivesTheSumsOfTheDefinition) {
  const std::vector<float> logits = random_logits(5000);
  const float top = *std::max_element(logits.begin(), logits.end());
  for (const float temperature : {0.3f, 1.0f, 4.0f}) {
    double odds = 0;
    double odds_by_distance = 0;
    for (const float logit : logits) {
      const double distance =
          (static_cast<double>(top) - static_cast<double>(logit)) / static_cast<double>(temperature);
      odds += std::exp(-distance);
      odds_by_distance += std::isinf(distance) ? 0 : std::exp(-distance) * distance;
    }
    const Sums sums = add_odds(kernels::best(), logits, top, temperature);
    const auto full = static_cast<double>(full_odds);
    EXPECT_NEAR(static_cast<double>(sums.odds) / full, odds, 1e-6 * odds);
    EXPECT_NEAR(static_cast<double>(sums.odds_by_distance) / full, odds_by_distance, 1e-6 * odds_by_distance);
  }
}

TEST(AddOdds, OfPartsAddUpToThoseOfTheWholeOnEveryInstructionSet) {
  const std::vector<float> logits = random_logits(5000);
  const float top = *std::max_element(logits.begin(), logits.end());
  const Sums whole = add_odds(kernels::best(), logits, top, 0.7f);
  for (const kernels::Kernels* kernels : kernels::available()) {
    for (const std::size_t size : {1, 7, 256, 999, 5000}) {
      Sums sums;
      for (std::size_t begin = 0; begin < logits.size(); begin += size) {
        const std::size_t n = std::min(size, logits.size() - begin);
        sums += add_odds(*kernels, std::span(logits).subspan(begin, n), top, 0.7f);
      }
      EXPECT_EQ(sums, whole) << kernels->isa << ", parts of " << size;
    }
  }
}

TEST(OddsOf, GivesEachCandidateItsAddend) {
  const std::vector<float> logits = random_logits(1000);
  const std::vector<Candidate> candidates = ranked(logits, 50);
  Sums sums;
  float distance_before = 0;
  const std::vector<TokenOdds> listed = odds_of(kernels::best(), candidates, 0.7f);
  for (std::size_t i = 0; i < listed.size(); ++i) {
    EXPECT_EQ(listed[i].token, candidates[i].token);
    EXPECT_GE(listed[i].distance, distance_before);
    distance_before = listed[i].distance;
    sums += listed[i].sums;
  }
  EXPECT_EQ(listed.at(0).sums.odds, full_odds);
  EXPECT_EQ(sums, add_odds(kernels::best(), logits, candidates[0].logit, 0.7f));
}

TEST(LogSumExp, OfPartsIsThatOfTheWhole) {
  const std::vector<float> logits = random_logits(5000);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  for (const std::size_t size : {1, 300, 5000}) {
    std::vector<LogSumExp> parts{log_sum_exp(kernels::best(), {})};  // a rank that has nothing
    for (std::size_t begin = 0; begin < logits.size(); begin += size) {
      const std::size_t n = std::min(size, logits.size() - begin);
      if (n == 1 && std::isinf(logits[begin])) continue;
      parts.push_back(log_sum_exp(kernels::best(), std::span(logits).subspan(begin, n)));
    }
    EXPECT_NEAR(joined(parts), std::log(sum), 1e-7 * std::log(sum));
  }
}

TEST(LogSumExp, IsExactWhereOneTokenIsNearlyCertain) {
  std::vector<float> logits(1000, 0);
  logits[3] = 30;
  const LogSumExp part = log_sum_exp(kernels::best(), logits);
  EXPECT_NEAR(joined(std::vector{part}) - 30, 999 * std::exp(-30.0), 1e-14);
}

TEST(LogSumExp, IsNotFiniteWhereALogitIsNot) {
  for (const float damage : {std::numeric_limits<float>::quiet_NaN(), infinity}) {
    std::vector<float> logits(500, 1);
    logits[300] = damage;
    EXPECT_FALSE(std::isfinite(joined(std::vector{log_sum_exp(kernels::best(), logits)})));
  }
}

}  // namespace
}  // namespace yoke::runtime
