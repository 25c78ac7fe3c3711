#include "base/saturating.h"

#include <gtest/gtest.h>

namespace yoke {
namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

TEST(Saturating, IsExactWhereTheResultFits) {
  EXPECT_EQ(saturating_product(3, 5, 7), 105);
  EXPECT_EQ(saturating_product(), 1);
  EXPECT_EQ(saturating_sum(3, 5, 7), 15);
  EXPECT_EQ(saturating_sum(), 0);
  EXPECT_EQ(saturating_product(std::uint64_t{1} << 32, (std::uint64_t{1} << 32) - 1), 0xffffffff00000000);
}

TEST(Saturating, StaysAtTheLargestNumberOtherwise) {
  EXPECT_EQ(saturating_product(std::uint64_t{1} << 32, std::uint64_t{1} << 32), largest);
  EXPECT_EQ(saturating_product(std::uint64_t{1} << 40, std::uint64_t{1} << 40, 3), largest);
  EXPECT_EQ(saturating_product(std::uint64_t{1} << 40, std::uint64_t{1} << 40, 0), 0);
  EXPECT_EQ(saturating_sum(largest, 1), largest);
  EXPECT_EQ(saturating_sum(largest - 1, 1, 1), largest);
}

}  // namespace
}  // namespace yoke
