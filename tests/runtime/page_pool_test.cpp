#include "runtime/page_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace yoke::runtime {
namespace {

TEST(PagePool, NeverGivesAPageThatSomebodyHolds) {
  std::mt19937 random(3);
  PagePool pool(40);
  std::vector<Page> held;  // once for each holder
  for (int trial = 0; trial < 2000; ++trial) {
    if (random() % 3 == 0 && !held.empty()) {
      const std::size_t at = random() % held.size();
      pool.drop(held[at]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (random() % 2 == 0 && !held.empty()) {
      held.push_back(held[random() % held.size()]);
      pool.hold(held.back());
    } else if (pool.available() > 0) {
      const Page page = pool.take();
      ASSERT_EQ(std::count(held.begin(), held.end(), page), 0);
      held.push_back(page);
    }
    const std::set<Page> distinct(held.begin(), held.end());
    ASSERT_EQ(pool.available(), 40 - std::ssize(distinct));
    for (const Page page : distinct)
      ASSERT_EQ(pool.holders(page), std::count(held.begin(), held.end(), page));
  }
}

TEST(PagePool, KnowsHowManyPagesAreKeptOnly) {
  std::mt19937 random(4);
  PagePool pool(20);
  std::vector<Page> held;
  std::set<Page> kept;
  for (int trial = 0; trial < 3000; ++trial) {
    const std::size_t at = held.empty() ? 0 : random() % held.size();
    if (random() % 4 == 0 && pool.available() > 0) {
      held.push_back(pool.take());
    } else if (random() % 3 == 0 && !held.empty()) {
      if (kept.insert(held[at]).second) pool.keep(held[at]);
    } else if (random() % 2 == 0 && !held.empty()) {
      pool.drop(held[at]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (!kept.empty()) {
      pool.drop_kept(*kept.begin());
      kept.erase(kept.begin());
    }
    const std::set<Page> used(held.begin(), held.end());
    const auto only_kept =
        std::count_if(kept.begin(), kept.end(), [&](Page page) { return !used.contains(page); });
    ASSERT_EQ(pool.only_kept(), only_kept);
    ASSERT_EQ(pool.available(), 20 - std::ssize(used) - only_kept);
  }
}

TEST(PagePool, FreesAPageWhenItsLastHolderDropsIt) {
  PagePool pool(1);
  const Page page = pool.take();
  pool.hold(page);
  pool.drop(page);
  EXPECT_EQ(pool.available(), 0);
  pool.drop(page);
  EXPECT_EQ(pool.available(), 1);
}

}  // namespace
}  // namespace yoke::runtime
