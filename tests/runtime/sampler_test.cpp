#include "runtime/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace yoke::runtime {
namespace {

TEST(Sample, GreedyTakesTheLargestAndTheFirstAmongEquals) {
  EXPECT_EQ(sample(std::vector<float>{-3, 2, 1, 2}, {0, 0}, 0), 1);
  EXPECT_EQ(sample(std::vector<float>{-3}, {0, 0}, 0), 0);
}

TEST(Sample, DrawsFromTheSoftmaxAtItsTemperature) {
  const std::vector<float> logits = {0.0f, 1.0f, -1.0f, 2.0f};
  for (const float temperature : {0.5f, 1.0f, 2.0f}) {
    std::vector<double> expected;
    double sum = 0;
    for (const float logit : logits) {
      expected.push_back(std::exp(static_cast<double>(logit) / static_cast<double>(temperature)));
      sum += expected.back();
    }
    constexpr int draws = 40'000;
    std::vector<int> counts(logits.size());
    for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(sample(logits, {temperature, 11}, i))];
    double chi_squared = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double mean = draws * expected[i] / sum;
      chi_squared += (counts[i] - mean) * (counts[i] - mean) / mean;
    }
    EXPECT_LT(chi_squared, 16.3)
        << "three degrees of freedom: one chance in a thousand, and the seed is fixed";
  }
}

TEST(Sample, IsRepeatableAndDependsOnSeedAndPosition) {
  const std::vector<float> logits(1000, 0.0f);
  EXPECT_EQ(sample(logits, {1, 5}, 7), sample(logits, {1, 5}, 7));
  EXPECT_NE(sample(logits, {1, 5}, 7), sample(logits, {1, 5}, 8));
  EXPECT_NE(sample(logits, {1, 5}, 7), sample(logits, {1, 6}, 7));
}

TEST(Sample, RefusesLogitsThatAreNotFinite) {
  EXPECT_THROW(sample(std::vector<float>{0, std::numeric_limits<float>::quiet_NaN()}, {0, 0}, 3), Error);
  EXPECT_THROW(sample(std::vector<float>{0, std::numeric_limits<float>::infinity()}, {1, 0}, 3), Error);
}

TEST(Uniform, IsEvenAndBelowOne) {
  double sum = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const double value = uniform(1, i);
    ASSERT_TRUE(value >= 0 && value < 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.01);
}

}  // namespace
}  // namespace yoke::runtime
