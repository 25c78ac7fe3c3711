#include "ops/cpu/page_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace yoke::ops::cpu {
namespace {

TEST(PagesTouched, AreTheMostThatAnyBeginningGives) {
  for (std::int64_t positions = 1; positions <= 4 * page_positions; ++positions) {
    std::int64_t most = 0;
    for (std::int64_t begin = 0; begin < page_positions; ++begin)
      most = std::max(most, (begin + positions - 1) / page_positions + 1);
    EXPECT_EQ(pages_touched(positions), most) << positions;
  }
}

TEST(PageMap, OfAWindowReachesWhatAStepStoresAndTheWindowBeforeIt) {
  for (std::int64_t window = 1; window <= 3 * page_positions; ++window) {
    for (const std::int64_t step : {1, 2, 3, 63, 64, 65, 128, 200}) {
      std::int64_t most = 0;  // pages from the first that a step's tokens see to the last that it stores to
      for (std::int64_t first = 0; first < 8 * page_positions; ++first) {
        const std::int64_t begin = std::max<std::int64_t>(0, first - window + 1) / page_positions;
        most = std::max(most, (first + step - 1) / page_positions - begin + 1);
      }
      const CacheSize size{.pages = 1000, .slots = 3, .step_tokens = step, .window_pages = 100};
      EXPECT_EQ(PageMap::of(size, window).reach, most) << "window " << window << ", steps of " << step;
    }
  }
}

TEST(PageMap, TakesWindowTablesWhereThereIsAWindowAndPagesForIt) {
  const CacheSize size{.pages = 16, .slots = 4, .step_tokens = 65, .window_pages = 4};
  CacheSize without = size;
  without.window_pages = 0;
  const std::vector<std::int32_t> table = {7, 3, 9}, window = {2, 0};
  Step step;
  step.page_tables = {{}, table};
  step.window_tables = {{}, {1, window}};
  for (const PageMap& map : {PageMap::of(size, 0), PageMap::of(without, 40)}) {
    EXPECT_EQ(map.pages, 16);
    EXPECT_EQ(map.reach, 16);
    EXPECT_EQ(map.place(step, 1, 1), 3);
  }
  const PageMap map = PageMap::of(size, 40);
  EXPECT_EQ(map.pages, 4);
  EXPECT_EQ(map.place(step, 1, 1), 2);
  EXPECT_EQ(map.place(step, 1, 2), 0);
}

}  // namespace
}  // namespace yoke::ops::cpu
