#include "comm/addition.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "quant/half.h"

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

TEST(AddInRankOrder, ThreadsShareWhatIsLongAndChangeNoBit) {
  constexpr std::size_t n = 200'001;
  const std::vector<std::vector<float>> values{random_vector(n, 1), random_vector(n, 2), random_vector(n, 3)};
  const std::vector<const float*> parts{values[0].data(), values[1].data(), values[2].data()};
  std::vector<float> alone(n), shared(n);
  ThreadPool pool(3);
  add_in_rank_order(parts, alone);
  const std::uint32_t before = pool.regions();
  add_in_rank_order(parts, shared, &pool);
  EXPECT_EQ(pool.regions(), before + 1);
  EXPECT_EQ(shared, alone);
  std::vector<float> inside(n);  // where the pool is at something else, the caller adds
  pool.run([&](int thread) {
    if (thread == 0) add_in_rank_order(parts, inside, &pool);
  });
  EXPECT_EQ(inside, alone);
}

TEST(AddInRankOrder, AddsBf16AsF32AndRoundsTheSum) {
  constexpr std::size_t n = 1000;
  std::vector<std::vector<std::uint16_t>> parts(3, std::vector<std::uint16_t>(n));
  for (unsigned r = 0; r < 3; ++r) narrow(random_vector(n, r), parts[r]);
  std::vector<std::uint16_t> out(n);
  add_in_rank_order(std::vector<const std::uint16_t*>{parts[0].data(), parts[1].data(), parts[2].data()},
                    out);
  for (std::size_t i = 0; i < n; ++i) {
    const auto of = [&](std::size_t r) { return quant::bf16_to_f32(parts[r][i]); };
    EXPECT_EQ(out[i], quant::f32_to_bf16((of(0) + of(1)) + of(2)));
  }
}

TEST(NarrowAndWiden, AreRoundingToBf16AndBack) {
  const std::vector<float> values = random_vector(1003, 9);
  std::vector<std::uint16_t> narrowed(values.size());
  std::vector<float> widened(values.size());
  narrow(values, narrowed);
  widen(narrowed, widened);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(narrowed[i], quant::f32_to_bf16(values[i]));
    EXPECT_EQ(widened[i], quant::bf16_to_f32(narrowed[i]));
  }
}

}  // namespace
}  // namespace yoke::comm
