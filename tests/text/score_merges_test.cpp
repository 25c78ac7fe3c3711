#include "text/score_merges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "fixtures.h"

namespace yoke::text {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Vocabulary of(std::vector<std::string> tokens, TokenType type = TokenType::normal) {
  Vocabulary vocabulary;
  vocabulary.types.assign(tokens.size(), type);
  vocabulary.tokens = std::move(tokens);
  return vocabulary;
}

std::set<std::tuple<Token, Token, Token, std::uint32_t>> merges(const Vocabulary& vocabulary,
                                                                const std::vector<double>& scores) {
  std::set<std::tuple<Token, Token, Token, std::uint32_t>> all;
  for (const Bpe::Merge& merge : merges_by_score(vocabulary, scores, character_symbols(vocabulary)))
    all.emplace(merge.left, merge.right, merge.result, merge.rank);
  return all;
}

TEST(ScoreMerges, AreAllWaysToCutATokenIntoTwoRankedByScore) {
  const Vocabulary vocabulary = of({"a", "b", "ab", "bb", "abb"});
  EXPECT_THAT(merges(vocabulary, {0, 0, -2, -1, -3}),
              ElementsAre(std::tuple(0, 1, 2, 2U), std::tuple(0, 3, 4, 3U), std::tuple(1, 1, 3, 1U),
                          std::tuple(2, 1, 4, 3U)));
}

TEST(ScoreMerges, OfEqualScoreHaveOneRank) {
  const Vocabulary vocabulary = of({"a", "b", "ab", "ba"});
  EXPECT_THAT(merges(vocabulary, {0, 0, -1, -1}),
              ElementsAre(std::tuple(0, 1, 2, 1U), std::tuple(1, 0, 3, 1U)));
}

TEST(ScoreMerges, JoinCharactersThatAreNoTokens) {
  const Vocabulary vocabulary = of({"é中"});
  const Symbols symbols = character_symbols(vocabulary);
  ASSERT_EQ(symbols.size(), 2U);
  EXPECT_EQ(symbols.at("é"), 1) << "beyond the vocabulary";
  EXPECT_EQ(symbols.at("中"), 2);
  EXPECT_THAT(merges(vocabulary, {0}), ElementsAre(std::tuple(1, 2, 0, 0U)));
}

TEST(ScoreMerges, AreOfNormalTokensOnly) {
  for (const TokenType type : {TokenType::control, TokenType::unknown, TokenType::user_defined,
                               TokenType::unused, TokenType::byte}) {
    const Vocabulary vocabulary = of({"a", "b", "ab"}, type);
    EXPECT_THAT(merges(vocabulary, {0, 0, 0}), IsEmpty());
    EXPECT_THAT(character_symbols(vocabulary), IsEmpty());
  }
}

TEST(ScoreMerges, RefuseATokenThatIsTooLongToCut) {
  const Vocabulary vocabulary = of({"a", std::string(1025, 'a')});
  EXPECT_EQ(
      sentence_of([&] {
        merges(vocabulary, {0, 0});
      }),
      "token 1 in tokenizer.ggml.tokens has 1025 bytes; one that is merged from others has at most 1024");
}

}  // namespace
}  // namespace yoke::text
