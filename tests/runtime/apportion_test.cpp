#include "runtime/apportion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace yoke::runtime {
namespace {

std::vector<std::uint64_t> bytes(std::uint64_t total, const std::vector<std::int32_t>& weights) {
  std::vector<std::uint64_t> shares;
  for (const comm::Traffic& share : apportion({0, total, 0}, weights)) shares.push_back(share.bytes);
  return shares;
}

TEST(Apportion, GivesEachItsProportion) {
  EXPECT_THAT(bytes(1200, {1, 2, 3}), testing::ElementsAre(200, 400, 600));
  EXPECT_THAT(bytes(77, {5}), testing::ElementsAre(77));
  EXPECT_THAT(bytes(10, {0, 1, 0}), testing::ElementsAre(0, 10, 0));
  const std::vector<comm::Traffic> shares = apportion({3, 0, 2.0}, std::vector<std::int32_t>{1, 3});
  EXPECT_EQ(shares[0].seconds, 0.5);
  EXPECT_EQ(shares[1].seconds, 1.5);
}

TEST(Apportion, LosesNoByteAndMovesLessThanOne) {
  std::mt19937_64 random(13);
  for (int trial = 0; trial < 2000; ++trial) {
    const std::uint64_t total = random() >> (14 + random() % 50);
    std::vector<std::int32_t> weights(1 + random() % 30);
    for (std::int32_t& weight : weights) weight = static_cast<std::int32_t>(random() % 512);
    weights[0] += 1;
    double all = 0;
    for (const std::int32_t weight : weights) all += weight;
    const std::vector<std::uint64_t> shares = bytes(total, weights);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      sum += shares[i];
      const double exact = static_cast<double>(total) * weights[i] / all;
      ASSERT_NEAR(static_cast<double>(shares[i]), exact, 1 + 1e-15 * static_cast<double>(total));
    }
    ASSERT_EQ(sum, total) << "trial " << trial;
  }
}

}  // namespace
}  // namespace yoke::runtime
