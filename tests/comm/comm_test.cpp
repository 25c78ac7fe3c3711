#include "comm/comm.h"

#include <gtest/gtest.h>

#include <random>

namespace yoke::comm {
namespace {

std::vector<float> random_vector(std::size_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, 100);
  std::vector<float> x(n);
  for (float& value : x) value = normal(generator);
  return x;
}

TEST(AddInRankOrder, AddsEachElementFromTheFirstRankToTheLast) {
  // 1e8 + 1 is 1e8 in float32: only the order (1e8 + -1e8) + 1 keeps the one.
  const std::vector<float> a{1e8F, 1.0F};
  const std::vector<float> b{-1e8F, 1e8F};
  const std::vector<float> c{1.0F, -1e8F};
  const std::vector<const float*> parts{a.data(), b.data(), c.data()};
  std::vector<float> out(2);
  add_in_rank_order(parts, out);
  EXPECT_EQ(out, (std::vector<float>{1.0F, 0.0F}));
}

TEST(AddInRankOrder, EqualsTheNaiveSumForEveryLengthAndMayOverwriteAPart) {
  for (const std::size_t n : {0, 1, 7, 255, 256, 257, 1000}) {
    for (const std::size_t ranks : {1, 2, 5}) {
      std::vector<std::vector<float>> parts;
      for (std::size_t r = 0; r < ranks; ++r) parts.push_back(random_vector(n, static_cast<unsigned>(r + n)));
      std::vector<float> expected = parts[0];
      for (std::size_t r = 1; r < ranks; ++r)
        for (std::size_t i = 0; i < n; ++i) expected[i] += parts[r][i];
      for (std::size_t target = 0; target < ranks; ++target) {
        auto copy = parts;
        std::vector<const float*> pointers;
        for (const auto& part : copy) pointers.push_back(part.data());
        add_in_rank_order(pointers, copy[target]);
        EXPECT_EQ(copy[target], expected) << n << " values, " << ranks << " ranks, into " << target;
      }
    }
  }
}

}  // namespace
}  // namespace yoke::comm
