#include "rates/roofline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/topology.h"

namespace yoke::rates {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Roofline, HasPlausibleLimitsOfAsManyThreads) {
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    int kinds = 0;
    const Roofline roofline = measure_roofline(pool, 1, [&] { ++kinds; });
    EXPECT_EQ(kinds, 3) << "ranks begin each kind together";
    EXPECT_GT(roofline.int8_ops(), 1e6);
    EXPECT_LT(roofline.int8_ops(), threads * 1.6e13);
    EXPECT_GT(roofline.f32_ops(), 1e6);
    EXPECT_LT(roofline.f32_ops(), threads * 1.6e13);
    if (roofline.stream()) {
      EXPECT_GT(*roofline.stream(), 1e6);
      EXPECT_LT(*roofline.stream(), 1e13);
    } else {
      EXPECT_NE(roofline.no_stream, "");
    }
  }
}

TEST(Roofline, SaysWhyMemorySharedByTooManyCannotBeMeasured) {
  ThreadPool pool(1);
  // A megabyte for each.
  const auto crowd = static_cast<int>(read_memory().available >> 20);
  const Roofline roofline = measure_roofline(pool, crowd, [] {});
  EXPECT_EQ(roofline.stream(), std::nullopt);
  EXPECT_THAT(roofline.no_stream, testing::HasSubstr("of free memory are too little"));
}

TEST(Roofline, TakesTheMedianOfAllPasses) {
  Roofline roofline{{3, 1}, "", {10, 30}, {4, 4}};
  roofline.append({{2}, "", {20}, {4}});
  EXPECT_EQ(roofline.stream(), 2);
  EXPECT_EQ(roofline.int8_ops(), 20);
  EXPECT_EQ(roofline.f32_ops(), 4);
}

TEST(Roofline, RanksTogetherDoPassByPassTheSum) {
  const Roofline ranks[] = {{{1, 2}, "", {10, 20}, {5, 6}}, {{3, 5}, "", {30, 10}, {7, 8}}};
  const Roofline total = sum(ranks);
  EXPECT_THAT(total.stream_passes, ElementsAre(4, 7));
  EXPECT_THAT(total.int8_passes, ElementsAre(40, 30));
  EXPECT_THAT(total.f32_passes, ElementsAre(12, 14));
}

TEST(Roofline, RanksHaveNoStreamTogetherWhereOneHasNone) {
  const Roofline ranks[] = {{{1}, "", {10}, {5}}, {{}, "it is full", {30}, {7}}};
  const Roofline total = sum(ranks);
  EXPECT_THAT(total.stream_passes, IsEmpty());
  EXPECT_EQ(total.no_stream, "it is full");
  EXPECT_THAT(total.int8_passes, ElementsAre(40));
}

}  // namespace
}  // namespace yoke::rates
