#include "ops/cpu/page_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace yoke::ops::cpu {
namespace {

constexpr std::int64_t many_pages = std::int64_t{1} << 40;

TEST(PagesTouched, AreTheMostThatAnyBeginningGives) {
  for (std::int64_t positions = 1; positions <= 4 * page_positions; ++positions) {
    std::int64_t most = 0;
    for (std::int64_t begin = 0; begin < page_positions; ++begin)
      most = std::max(most, (begin + positions - 1) / page_positions + 1);
    EXPECT_EQ(pages_touched(positions), most) << positions;
  }
}

TEST(PageMap, RingsAreAsSmallAsWindowAndStepLet) {
  for (std::int64_t window = 1; window <= 3 * page_positions; ++window) {
    for (const std::int64_t step : {1, 2, 3, 63, 64, 65, 128, 200}) {
      std::int64_t most = 0;  // pages from the first that a step's tokens see to the last that it stores to
      for (std::int64_t first = 0; first < 8 * page_positions; ++first) {
        const std::int64_t begin = std::max<std::int64_t>(0, first - window + 1) / page_positions;
        most = std::max(most, (first + step - 1) / page_positions - begin + 1);
      }
      const PageMap map = PageMap::of({.pages = many_pages, .slots = 3, .step_tokens = step}, window);
      EXPECT_EQ(map.ring, most) << "window " << window << ", steps of " << step;
      EXPECT_EQ(map.pages, 3 * most);
      EXPECT_EQ(map.reach(), most);
    }
  }
}

/// A sequence that is stored and read as rings promise, with what each position of the cache holds last.
class RingRun {
 public:
  RingRun(std::int64_t window, std::int64_t step_tokens)
      : window_(window),
        step_tokens_(step_tokens),
        map_(PageMap::of({.pages = many_pages, .slots = slots, .step_tokens = step_tokens}, window)),
        held_(static_cast<std::size_t>(map_.pages * page_positions)) {}

  /// Steps of any lengths over a few rings' positions, in two slots by turns; whether every token found all
  /// that it sees.
  bool finds_all(std::mt19937& random) {
    const std::vector<std::int32_t> slot_of = {2, 0};
    const std::int64_t end = 4 * map_.ring * page_positions;
    std::vector<std::int64_t> next = {0, 0};
    while (std::max(next[0], next[1]) < end) {
      const auto sequence = static_cast<std::int32_t>(random() % 2);
      const std::int64_t tokens = 1 + static_cast<std::int64_t>(random() % step_tokens_);
      Step step;
      step.slots = slot_of;
      for (std::int64_t p = next[sequence]; p < next[sequence] + tokens; ++p)
        held_.at(place(step, sequence, p)) = {sequence, p};
      for (std::int64_t p = next[sequence]; p < next[sequence] + tokens; ++p) {
        for (std::int64_t seen = std::max<std::int64_t>(0, p - window_ + 1); seen <= p; ++seen) {
          if (held_.at(place(step, sequence, seen)) != std::pair(sequence, seen)) return false;
        }
      }
      next[sequence] += tokens;
    }
    return true;
  }

 private:
  static constexpr std::int64_t slots = 3;

  std::size_t place(const Step& step, std::int32_t sequence, std::int64_t position) const {
    const std::int64_t page = map_.place(step, sequence, position / page_positions);
    return static_cast<std::size_t>(page * page_positions + position % page_positions);
  }

  std::int64_t window_, step_tokens_;
  PageMap map_;
  std::vector<std::pair<std::int32_t, std::int64_t>> held_;  // sequence and position, by place
};

TEST(PageMap, EveryTokenFindsItsWindowInItsSlotsRing) {
  std::mt19937 random(5);
  for (const std::int64_t window : {1, 2, 63, 64, 65, 66, 128, 130}) {
    for (const std::int64_t step : {1, 2, 63, 64, 65, 100})
      EXPECT_TRUE(RingRun(window, step).finds_all(random)) << "window " << window << ", steps of " << step;
  }
}

TEST(PageMap, PageTablesServeLayersWithoutWindowAndSmallCaches) {
  const CacheSize size{.pages = 16, .slots = 4, .step_tokens = 65};
  EXPECT_EQ(PageMap::of(size, 0).ring, 0);
  EXPECT_EQ(PageMap::of(size, 0).pages, 16);
  // 65 + 65 positions may lie in four pages, and four such rings are no smaller than the cache.
  EXPECT_EQ(PageMap::of(size, 66).ring, 0);
  EXPECT_EQ(PageMap::of(size, 66).pages, 16);
  // 64 + 65 never lie in more than three.
  EXPECT_EQ(PageMap::of(size, 65).ring, 3);
  EXPECT_EQ(PageMap::of(size, 65).pages, 12);
  EXPECT_EQ(PageMap::of(size, std::numeric_limits<std::int64_t>::max()).ring, 0);
  const std::vector<std::int32_t> table = {7, 3};
  Step step;
  step.page_tables = {{}, table};
  EXPECT_EQ(PageMap::of(size, 0).place(step, 1, 1), 3);
}

}  // namespace
}  // namespace yoke::ops::cpu
