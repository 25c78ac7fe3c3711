#include "runtime/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace yoke::runtime {
namespace {

Token drawn(const std::vector<float>& logits, const Sampling& sampling, std::int32_t position) {
  return choose(kernels::best(), {ranked(logits, 0), true}, {}, sampling, position).value();
}

TEST(Choose, GreedyTakesTheLargestAndTheFirstAmongEquals) {
  EXPECT_EQ(drawn({-3, 2, 1, 2}, {0, 0}, 0), 1);
  EXPECT_EQ(drawn({-3}, {0, 0}, 0), 0);
  EXPECT_EQ(drawn({-0.0f, 0.0f}, {0, 0}, 0), 0);
}

TEST(Choose, DrawsFromTheSoftmaxAtItsTemperature) {
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
    for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(drawn(logits, {temperature, 11}, i))];
    double chi_squared = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double mean = draws * expected[i] / sum;
      chi_squared += (counts[i] - mean) * (counts[i] - mean) / mean;
    }
    EXPECT_LT(chi_squared, 16.3)
        << "three degrees of freedom: one chance in a thousand, and the seed is fixed";
  }
}

TEST(Choose, IsRepeatableAndDependsOnSeedAndPosition) {
  const std::vector<float> logits(1000, 0.0f);
  EXPECT_EQ(drawn(logits, {1, 5}, 7), drawn(logits, {1, 5}, 7));
  EXPECT_NE(drawn(logits, {1, 5}, 7), drawn(logits, {1, 5}, 8));
  EXPECT_NE(drawn(logits, {1, 5}, 7), drawn(logits, {1, 6}, 7));
}

TEST(RandomNumber, IsEvenAndBelowItsBound) {
  double sum = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const std::uint64_t value = random_number(1, i);
    ASSERT_LT(value, std::uint64_t{1} << 53);
    sum += static_cast<double>(value) * 0x1p-53;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.01);
}

}  // namespace
}  // namespace yoke::runtime
