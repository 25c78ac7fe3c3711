#include "runtime/page_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace yoke::runtime {
namespace {

TEST(PagePool, NeverGivesAPageTwice) {
  std::mt19937 random(3);
  PagePool pool(40);
  std::vector<std::vector<std::int32_t>> held;
  for (int trial = 0; trial < 1000; ++trial) {
    const auto wanted = static_cast<std::int32_t>(random() % 9);
    if (wanted <= pool.available()) {
      held.push_back(pool.take(wanted));
    } else {
      const std::size_t which = random() % held.size();
      pool.give_back(held[which]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
    }
    std::set<std::int32_t> all;
    std::size_t count = 0;
    for (const auto& pages : held) {
      all.insert(pages.begin(), pages.end());
      count += pages.size();
    }
    ASSERT_EQ(all.size(), count);
    ASSERT_EQ(static_cast<std::int32_t>(count) + pool.available(), pool.size());
    ASSERT_TRUE(all.empty() || (*all.begin() >= 0 && *all.rbegin() < 40));
  }
}

}  // namespace
}  // namespace yoke::runtime
