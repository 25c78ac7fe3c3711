#include "base/statistics.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace yoke {
namespace {

TEST(Statistics, OfAKnownSample) {
  // Squares of the differences from 5: 9, 1, 1, 1, 0, 0, 4, 16; together 32.
  const std::array<double, 8> values{2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_DOUBLE_EQ(mean(values), 5);
  EXPECT_DOUBLE_EQ(standard_deviation(values), 2.138089935299395);  // √(32 / 7)
  EXPECT_DOUBLE_EQ(median({values.begin(), values.end()}), 4.5);
}

TEST(Statistics, DeviationOfCloseValuesIsNotLostToRounding) {
  EXPECT_DOUBLE_EQ(standard_deviation(std::array<double, 3>{1e9, 1e9 + 1, 1e9 + 2}), 1);
}

TEST(Statistics, OfOneValueHasNoDeviation) {
  const std::array<double, 1> values{3.5};
  EXPECT_EQ(mean(values), 3.5);
  EXPECT_EQ(standard_deviation(values), 0);
  EXPECT_EQ(median({3.5}), 3.5);
}

TEST(Statistics, AQuantileIsOneOfTheValues) {
  std::vector<double> values;
  for (int i = 200; i > 0; --i) values.push_back(i);
  EXPECT_EQ(quantile(values, 0.99), 198);
  EXPECT_EQ(quantile(values, 0.5), 100);
  EXPECT_EQ(quantile(values, 0.001), 1);
  EXPECT_EQ(quantile(values, 1), 200);
  EXPECT_EQ(quantile({7}, 0.99), 7);
}

TEST(Statistics, OfNothingAreZero) {
  EXPECT_EQ(mean({}), 0);
  EXPECT_EQ(standard_deviation({}), 0);
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(quantile({}, 0.5), 0);
}

TEST(Statistics, MedianDoesNotMindTheOrderNorAnOutlier) { EXPECT_EQ(median({7, 1000, 5}), 7); }

}  // namespace
}  // namespace yoke
