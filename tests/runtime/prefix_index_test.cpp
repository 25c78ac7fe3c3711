#include "runtime/prefix_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace yoke::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t page = ops::page_positions;

/// Tokens that fill so many pages: the first all 1, the second all 2 …, but the last of them `last`.
std::vector<Token> text(std::size_t pages, Token last) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < pages; ++i) tokens.insert(tokens.end(), page, static_cast<Token>(i + 1));
  tokens.back() = last;
  return tokens;
}

class PrefixIndexTest : public testing::Test {
 protected:
  std::vector<Page> take(std::size_t n) {
    std::vector<Page> pages;
    while (pages.size() < n) pages.push_back(pool_.take());
    return pages;
  }
  void drop(const std::vector<Page>& pages) {
    for (const Page each : pages) pool_.drop(each);
  }
  /// Publishes tokens with pages that nobody holds afterwards; returns the pages.
  std::vector<Page> publish(const std::vector<Token>& tokens, std::uint64_t salt = 0,
                            const Forms& forms = {}) {
    std::vector<Page> pages = take(tokens.size() / page);
    PrefixPages mine{pages, {}, 0, {}};
    index_.publish(tokens, {salt, forms}, mine);
    drop(mine.all);
    return mine.all;
  }
  /// What is found of tokens, which nobody holds afterwards.
  std::vector<Page> found(const std::vector<Token>& tokens, std::uint64_t salt = 0, const Forms& forms = {}) {
    std::vector<Page> pages = index_.find(tokens, tokens.size(), {salt, forms}).all;
    drop(pages);
    return pages;
  }

  PagePool pool_{10}, none_{0};
  PrefixIndex index_{{pool_, none_, none_}};
};

TEST_F(PrefixIndexTest, FindsTheLongestPrefixOfFullPages) {
  const std::vector<Page> pages = publish(text(3, 3));
  std::vector<Token> longer = text(3, 3);
  longer.insert(longer.end(), page + 5, 9);
  EXPECT_EQ(found(longer), pages);
  EXPECT_THAT(found(text(3, 50)), ElementsAre(pages[0], pages[1]));
  EXPECT_THAT(found(text(1, 50)), IsEmpty());
  std::vector<Token> shorter = text(3, 3);
  shorter.pop_back();
  EXPECT_THAT(found(shorter), ElementsAre(pages[0], pages[1]));
}

TEST_F(PrefixIndexTest, FindsNoMoreThanItIsAskedFor) {
  const std::vector<Page> pages = publish(text(2, 2));
  const std::vector<Page> some = index_.find(text(2, 2), 2 * page - 1, {}).all;
  EXPECT_THAT(some, ElementsAre(pages[0]));
}

TEST_F(PrefixIndexTest, TellsEqualPagesThatFollowOthersApart) {
  const std::vector<Page> one = publish(text(2, 2));
  std::vector<Token> other = text(2, 2);
  other[0] = 77;
  EXPECT_THAT(found(other), IsEmpty());
  EXPECT_NE(publish(other)[1], one[1]);
}

TEST_F(PrefixIndexTest, SharesNothingBetweenSalts) {
  publish(text(2, 2), 5);
  EXPECT_THAT(found(text(2, 2), 6), IsEmpty());
  EXPECT_EQ(found(text(2, 2), 5).size(), 2);
}

TEST_F(PrefixIndexTest, TellsPagesComputedInOneFormFromThoseInTheOther) {
  const auto first = [](std::int32_t n) { return Forms(std::vector<Stretch>{{0, n}}, page); };
  const std::vector<Page> pages = publish(text(3, 3), 0, first(128));
  EXPECT_EQ(found(text(3, 3), 0, first(128)), pages);
  EXPECT_THAT(found(text(3, 3), 0, first(64)), ElementsAre(pages[0]));
  EXPECT_THAT(found(text(3, 3), 0, first(192)), ElementsAre(pages[0], pages[1]));
  EXPECT_THAT(found(text(3, 3), 0, {}), IsEmpty());
}

TEST_F(PrefixIndexTest, HoldsWhatIsFoundForWhoeverAsked) {
  publish(text(2, 2));
  const std::vector<Page> mine = index_.find(text(2, 2), 2 * page, {}).all;
  EXPECT_EQ(index_.evictable(), 0);
  EXPECT_FALSE(index_.evict());
  drop(mine);
  EXPECT_EQ(index_.evictable(), 2);
  EXPECT_TRUE(index_.evict());
}

TEST_F(PrefixIndexTest, GivesWhoeverPublishesWhatIsKnownThePagesThatAreKnown) {
  const std::vector<Page> known = publish(text(2, 2));
  PrefixPages mine{take(2), {}, 0, {}};
  index_.publish(text(2, 2), {}, mine);
  EXPECT_EQ(mine.all, known);
  EXPECT_EQ(pool_.available(), 8) << "the pages that were taken are free again";
  drop(mine.all);
  EXPECT_EQ(index_.evictable(), 2);
}

TEST_F(PrefixIndexTest, ForgetsTheLongestUnusedFirstAndNoPageThatOthersFollow) {
  const std::vector<Page> common = publish(text(2, 2));
  std::vector<Token> one = text(3, 30), two = text(3, 40);
  const Page of_one = publish(one)[2], of_two = publish(two)[2];
  EXPECT_EQ(found(one).size(), 3);  // used after two
  EXPECT_TRUE(index_.evict());
  EXPECT_THAT(found(two), ElementsAre(common[0], common[1])) << of_two;
  EXPECT_THAT(found(one), ElementsAre(common[0], common[1], of_one));
  for (int left = 3; left > 0; --left) EXPECT_TRUE(index_.evict());
  EXPECT_FALSE(index_.evict());
  EXPECT_EQ(pool_.available(), 10);
}

/// Windows of 100 positions: of the next token, 99 before it, which lie in up to three pages.
class PrefixIndexOfWindows : public testing::Test {
 protected:
  /// Publishes `n` pages, of which those from `first` on have a window's page beside them.
  PrefixPages publish(std::size_t n, std::int32_t first) {
    PrefixPages pages;
    pages.window_first = first;
    for (std::size_t i = 0; i < n; ++i) pages.all.push_back(pool_.take());
    for (auto i = static_cast<std::size_t>(first); i < n; ++i) pages.window.push_back(windows_.take());
    index_.publish(text(n, static_cast<Token>(n)), {}, pages);
    drop(pages);
    return pages;
  }
  void drop(const PrefixPages& pages) {
    for (const Page each : pages.all) pool_.drop(each);
    for (const Page each : pages.window) windows_.drop(each);
  }
  PrefixPages found(std::size_t n) {
    const std::vector<Token> tokens = text(n, static_cast<Token>(n));
    PrefixPages pages = index_.find(tokens, tokens.size(), {});
    drop(pages);
    return pages;
  }

  PagePool pool_{20}, windows_{8}, none_{0};
  PrefixIndex index_{{pool_, windows_, none_, 100}};
};

TEST_F(PrefixIndexOfWindows, FindsAPrefixWithThePagesThatItsWindowReaches) {
  const PrefixPages pages = publish(5, 0);
  const PrefixPages all = found(5);
  EXPECT_EQ(all.all, pages.all);
  EXPECT_EQ(all.window_first, 3);  // position 320 sees 221 and what follows
  EXPECT_THAT(all.window, ElementsAre(pages.window[3], pages.window[4]));
  EXPECT_EQ(found(1).window, std::vector<Page>{pages.window[0]});
}

TEST_F(PrefixIndexOfWindows, FindsNoFurtherThanAWindowIsThere) {
  publish(5, 3);
  EXPECT_EQ(found(5).all.size(), 5);
  std::vector<Token> shorter = text(5, 5);
  shorter.resize(4 * page);
  EXPECT_THAT(index_.find(shorter, shorter.size(), {}).all, IsEmpty()) << "page 2 of its window is not there";
  ASSERT_TRUE(index_.evict_window());  // that of page 3
  EXPECT_THAT(found(5).all, IsEmpty());
  EXPECT_EQ(windows_.available(), 7);
}

TEST_F(PrefixIndexOfWindows, TakesWindowsThatItHasNotFromWhoeverPublishesThem) {
  publish(4, 4);
  EXPECT_THAT(found(4).all, IsEmpty());
  publish(4, 0);
  EXPECT_EQ(found(4).all.size(), 4);
  EXPECT_EQ(windows_.available(), 4);
  publish(4, 0);
  EXPECT_EQ(windows_.available(), 4) << "it has them";
}

TEST_F(PrefixIndexOfWindows, ForgetsAWindowsPageWithItsTokensAndNoneThatIsHeld) {
  publish(4, 0);
  const PrefixPages held = index_.find(text(4, 4), 4 * page, {});
  EXPECT_TRUE(index_.evict_window());
  EXPECT_TRUE(index_.evict_window());
  EXPECT_FALSE(index_.evict_window()) << "the last two are held";
  drop(held);
  while (index_.evict()) continue;
  EXPECT_EQ(windows_.available(), 8);
  EXPECT_EQ(pool_.available(), 20);
}

class PrefixIndexOfStates : public testing::Test {
 protected:
  /// Publishes text(n, n) with states after so many pages; nobody holds anything of it afterwards. Returns
  /// the states.
  std::vector<Page> publish(std::size_t n, const std::vector<std::int32_t>& after) {
    PrefixPages pages;
    std::vector<Page> states;
    for (std::size_t i = 0; i < n; ++i) pages.all.push_back(pool_.take());
    for (const std::int32_t each : after) {
      states.push_back(states_.take());
      pages.states.push_back({each, states.back()});
    }
    index_.publish(text(n, static_cast<Token>(n)), {}, pages);
    EXPECT_THAT(pages.states, IsEmpty());
    for (const Page each : pages.all) pool_.drop(each);
    return states;
  }
  /// The pages and the state of what is found, which nobody holds afterwards.
  std::pair<std::size_t, std::vector<Page>> found(std::size_t n) {
    const std::vector<Token> tokens = text(n, static_cast<Token>(n));
    const PrefixPages pages = index_.find(tokens, tokens.size(), {});
    std::vector<Page> states;
    for (const Page each : pages.all) pool_.drop(each);
    for (const KeptState& each : pages.states) {
      EXPECT_EQ(each.pages, std::ssize(pages.all));
      states.push_back(each.state);
      states_.drop(each.state);
    }
    return {pages.all.size(), states};
  }

  PagePool pool_{20}, none_{0}, states_{4};
  PrefixIndex index_{{.pages = pool_, .windows = none_, .states = states_, .recurrent = true}};
};

TEST_F(PrefixIndexOfStates, FindsAPrefixAsFarAsItsLastState) {
  const std::vector<Page> states = publish(5, {2, 4});
  EXPECT_EQ(found(5), std::pair(std::size_t{4}, std::vector{states[1]}));
  EXPECT_EQ(found(3), std::pair(std::size_t{2}, std::vector{states[0]}));
  EXPECT_EQ(found(1).first, 0);
}

TEST_F(PrefixIndexOfStates, KeepsTheStateThatItKnowsAlready) {
  const std::vector<Page> states = publish(3, {3});
  publish(3, {3});
  EXPECT_EQ(found(3).second, states);
  EXPECT_EQ(states_.available(), 3);
}

TEST_F(PrefixIndexOfStates, TakesStatesOfPagesThatItKnew) {
  publish(3, {});
  EXPECT_EQ(found(3).first, 0);
  const std::vector<Page> states = publish(3, {3});
  EXPECT_EQ(found(3).second, states);
}

TEST_F(PrefixIndexOfStates, ForgetsTheStateUsedLeastLatelyAndNoneThatIsHeld) {
  publish(2, {2});
  publish(5, {4, 5});
  EXPECT_EQ(found(2).first, 2);
  ASSERT_TRUE(index_.evict_state());
  EXPECT_EQ(found(4).first, 2) << "that after two pages was used since";
  const PrefixPages held = index_.find(text(5, 5), 5 * page, {});
  EXPECT_TRUE(index_.evict_state());
  EXPECT_EQ(found(4).first, 0);
  EXPECT_FALSE(index_.evict_state()) << "the last is held";
  for (const Page each : held.all) pool_.drop(each);
  states_.drop(held.states.at(0).state);
  while (index_.evict()) continue;
  EXPECT_EQ(states_.available(), 4);
  EXPECT_EQ(pool_.available(), 20);
}

}  // namespace
}  // namespace yoke::runtime
