#include "text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "fixtures.h"

namespace yoke::text {
namespace {

using testing::ElementsAre;

using Tokens = std::vector<Token>;
using Merges = std::vector<Bpe::Merge>;

Tokens merged(const Bpe& bpe, const Tokens& piece) {
  Bpe::Scratch scratch;
  Tokens out;
  bpe.merge(piece, out, scratch);
  return out;
}

/// As the definition reads: find the lowest rank, leftmost; merge; look again.
Tokens merged_naively(const Merges& merges, Tokens tokens) {
  for (;;) {
    const Bpe::Merge* best = nullptr;
    std::size_t place = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i)
      for (const Bpe::Merge& merge : merges)
        if (merge.left == tokens[i] && merge.right == tokens[i + 1] && (!best || merge.rank < best->rank)) {
          best = &merge;
          place = i;
        }
    if (best == nullptr) return tokens;
    tokens[place] = best->result;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

/// Merges of random pairs, in an order in which a result may have a lower rank than what it is made of; with
/// `ties`, some have the same rank.
Merges random_merges(std::mt19937& random, Token alphabet, int n, bool ties) {
  Merges merges;
  std::set<std::pair<Token, Token>> pairs;
  for (Token result = alphabet; result < alphabet + n; ++result) {
    std::uniform_int_distribution<Token> part(0, result - 1);
    const Token left = part(random), right = part(random);
    if (pairs.emplace(left, right).second) merges.push_back({left, right, result, 0});
  }
  std::shuffle(merges.begin(), merges.end(), random);
  for (std::size_t i = 0; i < merges.size(); ++i)
    merges[i].rank = static_cast<std::uint32_t>(ties ? i / 3 : i);
  return merges;
}

TEST(Bpe, LeavesAPieceAloneWithoutMerges) {
  const Bpe bpe(Merges{});
  EXPECT_THAT(merged(bpe, {}), ElementsAre());
  EXPECT_THAT(merged(bpe, {5}), ElementsAre(5));
  EXPECT_THAT(merged(bpe, {5, 6, 5}), ElementsAre(5, 6, 5));
}

TEST(Bpe, MergesTheLowestRankFirst) {
  // 1 2 before 0 1, so that 0 1 2 does not become 3 2.
  EXPECT_THAT(merged(Bpe(Merges{{1, 2, 4, 0}, {0, 1, 3, 1}}), {0, 1, 2}), ElementsAre(0, 4));
  EXPECT_THAT(merged(Bpe(Merges{{1, 2, 4, 1}, {0, 1, 3, 0}}), {0, 1, 2}), ElementsAre(3, 2));
}

TEST(Bpe, MergesTheLeftmostOfEqualRank) {
  EXPECT_THAT(merged(Bpe(Merges{{0, 0, 1, 0}}), {0, 0, 0}), ElementsAre(1, 0));
  EXPECT_THAT(merged(Bpe(Merges{{0, 1, 4, 0}, {1, 0, 5, 0}}), {0, 1, 0}), ElementsAre(4, 0));
  EXPECT_THAT(merged(Bpe(Merges{{0, 1, 4, 0}, {1, 0, 5, 0}}), {1, 0, 1}), ElementsAre(5, 1));
}

TEST(Bpe, AppendsToWhatIsThere) {
  const Bpe bpe(Merges{{0, 0, 1, 0}});
  Bpe::Scratch scratch;
  Tokens out = {9};
  bpe.merge(Tokens{0, 0}, out, scratch);
  bpe.merge(Tokens{0, 0, 0}, out, scratch);
  EXPECT_THAT(out, ElementsAre(9, 1, 1, 0));
}

TEST(Bpe, RefusesAPairThatOccursTwice) {
  EXPECT_EQ(sentence_of([] {
              Bpe(Merges{{0, 1, 2, 0}, {1, 0, 3, 1}, {0, 1, 4, 2}});
            }),
            "merges 0 and 2 join the same pair of tokens, 0 and 1");
}

TEST(Bpe, AgreesWithTheNaiveDefinition) {
  std::mt19937 random(4);
  for (int round = 0; round < 400; ++round) {
    const Token alphabet = 2 + round % 4;
    const Merges merges = random_merges(random, alphabet, 1 + round % 40, round % 3 == 0);
    const Bpe bpe(merges);
    std::uniform_int_distribution<Token> letter(0, alphabet - 1);
    Tokens piece(static_cast<std::size_t>(round % 90));
    for (Token& token : piece) token = letter(random);
    ASSERT_EQ(merged(bpe, piece), merged_naively(merges, piece)) << "round " << round;
  }
}

}  // namespace
}  // namespace yoke::text
