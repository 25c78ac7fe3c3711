#include "runtime/odds.h"

#include <gtest/gtest.h>

#include <algorithm>
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

std::vector<float> finite_logits() {
  std::vector<float> logits = random_logits(5000);
  for (float& logit : logits) logit = std::isinf(logit) ? -1e38f : logit;
  return logits;
}

TEST(AddExponentials, OfPartsAddUpToThoseOfTheWholeOnEveryInstructionSet) {
  const std::vector<float> logits = finite_logits();
  const float top = *std::max_element(logits.begin(), logits.end());
  const Exponentials whole = add_exponentials(kernels::best(), logits, top);
  for (const kernels::Kernels* kernels : kernels::available()) {
    for (const std::size_t size : {1, 7, 256, 999, 5000}) {
      Exponentials sum;
      for (std::size_t begin = 0; begin < logits.size(); begin += size) {
        const std::size_t n = std::min(size, logits.size() - begin);
        sum += add_exponentials(*kernels, std::span(logits).subspan(begin, n), top);
      }
      EXPECT_EQ(sum, whole) << kernels->isa << ", parts of " << size;
    }
  }
}

TEST(LogProbability, IsThatOfTheDefinition) {
  const std::vector<float> logits = finite_logits();
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  const Exponentials exponentials = add_exponentials(kernels::best(), logits, top);
  for (const float logit : logits) {
    const double expected = static_cast<double>(logit) - std::log(sum);
    ASSERT_NEAR(log_probability(logit, top, exponentials), expected, 1e-7 * std::abs(expected));
  }
}

TEST(LogProbability, IsExactWhereOneTokenIsNearlyCertain) {
  std::vector<float> logits(1000, 0);
  logits[3] = 30;
  const Exponentials sum = add_exponentials(kernels::best(), logits, 30);
  EXPECT_NEAR(log_probability(30, 30, sum), -999 * std::exp(-30.0), 1e-14);
}

TEST(AddExponentials, HasRoomForTheLargestVocabularyOfEquals) {
  Exponentials sum;
  const std::vector<float> logits(1 << 12, 5);
  for (int i = 0; i < 1 << 12; ++i) sum += add_exponentials(kernels::best(), logits, 5);
  EXPECT_NEAR(log_probability(5, 5, sum), -24 * std::log(2.0), 1e-14);
}

}  // namespace
}  // namespace yoke::runtime
