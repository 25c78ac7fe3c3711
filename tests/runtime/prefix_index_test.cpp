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
                            std::int32_t expanded = 0) {
    std::vector<Page> pages = take(tokens.size() / page);
    index_.publish(tokens, {salt, expanded}, pages);
    drop(pages);
    return pages;
  }
  /// What is found of tokens, which nobody holds afterwards.
  std::vector<Page> found(const std::vector<Token>& tokens, std::uint64_t salt = 0,
                          std::int32_t expanded = 0) {
    std::vector<Page> pages = index_.find(tokens, tokens.size(), {salt, expanded});
    drop(pages);
    return pages;
  }

  PagePool pool_{10};
  PrefixIndex index_{pool_};
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
  const std::vector<Page> some = index_.find(text(2, 2), 2 * page - 1, {});
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
  const std::vector<Page> pages = publish(text(3, 3), 0, 128);
  EXPECT_EQ(found(text(3, 3), 0, 128), pages);
  EXPECT_THAT(found(text(3, 3), 0, 64), ElementsAre(pages[0]));
  EXPECT_THAT(found(text(3, 3), 0, 192), ElementsAre(pages[0], pages[1]));
  EXPECT_THAT(found(text(3, 3), 0, 0), IsEmpty());
}

TEST_F(PrefixIndexTest, HoldsWhatIsFoundForWhoeverAsked) {
  publish(text(2, 2));
  const std::vector<Page> mine = index_.find(text(2, 2), 2 * page, {});
  EXPECT_EQ(index_.evictable(), 0);
  EXPECT_FALSE(index_.evict());
  drop(mine);
  EXPECT_EQ(index_.evictable(), 2);
  EXPECT_TRUE(index_.evict());
}

TEST_F(PrefixIndexTest, GivesWhoeverPublishesWhatIsKnownThePagesThatAreKnown) {
  const std::vector<Page> known = publish(text(2, 2));
  std::vector<Page> mine = take(2);
  index_.publish(text(2, 2), {}, mine);
  EXPECT_EQ(mine, known);
  EXPECT_EQ(pool_.available(), 8) << "the pages that were taken are free again";
  drop(mine);
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

}  // namespace
}  // namespace yoke::runtime
