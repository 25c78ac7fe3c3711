#include "text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <random>
#include <string>

#include "base/utf8.h"
#include "fixtures.h"
#include "text/pre_tokenizer_kind.h"

namespace yoke::text {

/// For GoogleTest.
void PrintTo(const PreTokenizerKind& kind, std::ostream* out) { *out << kind.name; }

namespace {

using testing::ElementsAre;

using Pieces = std::vector<std::string>;

Pieces pieces(const PreTokenizer& pre_tokenizer, std::string_view text) {
  const auto views = pre_tokenizer.split(text);
  return {views.begin(), views.end()};
}

Pieces gpt2_pieces(std::string_view text) {
  static const PreTokenizer gpt2(pre_tokenizer_kind("gpt-2").expressions);
  return pieces(gpt2, text);
}

std::string joined(const Pieces& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

TEST(PreTokenizer, CutsAsGpt2Does) {
  EXPECT_THAT(gpt2_pieces("Hello, it's 2 o'clock!!"),
              ElementsAre("Hello", ",", " it", "'s", " 2", " o", "'", "clock", "!!"));
  EXPECT_THAT(gpt2_pieces("a  b \n\n c  "), ElementsAre("a", " ", " b", " \n\n", " c", "  "));
  EXPECT_THAT(gpt2_pieces("größe 中文12٣½"), ElementsAre("größe", " 中文", "12٣½"));
  EXPECT_THAT(gpt2_pieces(""), ElementsAre());
}

enum class Kind { space, letter, digit, other };

Kind kind_of(char c) {
  if (c == ' ' || (c >= '\t' && c <= '\r')) return Kind::space;
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Kind::letter;
  return c >= '0' && c <= '9' ? Kind::digit : Kind::other;
}

/// Length of the first piece of ASCII text by GPT-2's rule, without a pattern.
std::size_t first_piece(std::string_view text) {
  for (const std::string_view suffix : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.substr(0, suffix.size()) == suffix) return suffix.size();
  const auto run_from = [text](std::size_t begin) {
    std::size_t end = begin;
    while (end < text.size() && kind_of(text[end]) == kind_of(text[begin])) ++end;
    return end;
  };
  const std::size_t end = run_from(0);
  if (kind_of(text[0]) != Kind::space || end == text.size()) return end;
  if (end > 1) return end - 1;  // the last white space is left to the word
  return text[0] == ' ' ? run_from(1) : 1;
}

TEST(PreTokenizer, AgreesWithGpt2sRuleWrittenByHand) {
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    const std::string text = random_text(random,
                                         {"a",
                                          "B",
                                          "s",
                                          "re",
                                          "7",
                                          "12",
                                          " ",
                                          "  ",
                                          "\n",
                                          "\t",
                                          "\r",
                                          "\v",
                                          "'",
                                          "'s",
                                          "'ll",
                                          "!",
                                          "-",
                                          "_",
                                          std::string(1, '\0'),
                                          "\x1f"},
                                         40);
    Pieces expected;
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(expected.back().size()))
      expected.emplace_back(rest.substr(0, first_piece(rest)));
    ASSERT_EQ(gpt2_pieces(text), expected) << testing::PrintToString(text);
  }
}

TEST(PreTokenizer, TakesForWhiteSpaceWhatUnicodeDoes) {
  // PropList.txt, White_Space: two of them stay one piece; anything else is a symbol that joins the "!".
  for (const char* space : {"\t", "\n", "\v", "\f", "\r", " ", "\u0085", "\u00a0", "\u1680", "\u2000",
                            "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"})
    EXPECT_THAT(gpt2_pieces(std::string("!") + space + space), ElementsAre("!", std::string(space) + space))
        << testing::PrintToString(space);
  for (const char* other : {"\u180e", "\u200b", "\u2060", "\ufeff", "\x1c", "\x1f"})
    EXPECT_EQ(gpt2_pieces(std::string("!") + other).size(), 1U) << testing::PrintToString(other);
}

TEST(PreTokenizer, MakesARunOfInvalidBytesAPieceOfItsOwn) {
  EXPECT_THAT(gpt2_pieces("ab\xFF\xC0 cd"), ElementsAre("ab", "\xFF\xC0", " cd"));
  EXPECT_THAT(gpt2_pieces("\xED\xA0\x80"), ElementsAre("\xED\xA0\x80"));
  EXPECT_THAT(gpt2_pieces("中\xE4\xB8"), ElementsAre("中", "\xE4\xB8"));
  // The text before them ends there.
  EXPECT_THAT(gpt2_pieces("a  \xFF!"), ElementsAre("a", "  ", "\xFF", "!"));
}

TEST(PreTokenizer, AppliesPatternsInSequence) {
  constexpr std::array<std::string_view, 2> expressions = {R"(\p{N}{1,3})", R"( ?\p{L}+)"};
  const PreTokenizer pre_tokenizer(expressions);
  EXPECT_THAT(pieces(pre_tokenizer, "ab cd12345!ef"), ElementsAre("ab", " cd", "123", "45", "!", "ef"));
  EXPECT_THAT(pieces(PreTokenizer(std::span<const std::string_view>{}), "ab cd"), ElementsAre("ab cd"));
}

class EveryPreTokenizer : public testing::TestWithParam<PreTokenizerKind> {
 protected:
  const PreTokenizer jit_{GetParam().expressions};
  const PreTokenizer interpreted_{GetParam().expressions, PatternEngine::interpreter};
};

TEST_P(EveryPreTokenizer, KeepsEveryByteAndNoEmptyPieceWithEitherEngine) {
  std::mt19937 random(2);
  for (int round = 0; round < 500; ++round) {
    const std::string text = random_text(random, awkward_parts(), 30);
    const Pieces cut = pieces(jit_, text);
    ASSERT_EQ(joined(cut), text);
    for (const std::string& piece : cut) ASSERT_FALSE(piece.empty());
    ASSERT_EQ(pieces(interpreted_, text), cut);
  }
}

TEST_P(EveryPreTokenizer, CutsAMegabyteOfAnyOneKindInEitherEngine) {
  for (const char* unit : {"a", "A", "中", "7", "!", " ", "\n", " \n", "\u3000", "\u0301", "'", "aA", "\xFF",
                           "\xF0\x9F\x98", "a\xFF"}) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    text += "x";
    const std::vector<std::string_view> cut = jit_.split(text);
    EXPECT_EQ(joined({cut.begin(), cut.end()}), text);
    EXPECT_EQ(interpreted_.split(text), cut);
  }
}

/// Of those that cut alike, the first.
std::vector<PreTokenizerKind> that_cut_differently() {
  std::vector<PreTokenizerKind> kinds;
  for (const PreTokenizerKind& kind : known_pre_tokenizers())
    if (std::none_of(kinds.begin(), kinds.end(), [&](const PreTokenizerKind& before) {
          return before.expressions.data() == kind.expressions.data();
        }))
      kinds.push_back(kind);
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Known, EveryPreTokenizer, testing::ValuesIn(that_cut_differently()),
                         [](const auto& kind) {
                           std::string name;
                           for (const char c : kind.param.name) name += c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace yoke::text
