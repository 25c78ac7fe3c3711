#include "text/special_tokens.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "fixtures.h"

namespace yoke::text {
namespace {

using Texts = std::vector<std::string>;

SpecialTokens set_of(const Texts& texts) {
  SpecialTokens tokens;
  for (std::size_t i = 0; i < texts.size(); ++i) tokens.add(texts[i], static_cast<Token>(i));
  return tokens;
}

/// "begin+length=token" of the first match.
std::string found(const SpecialTokens& tokens, std::string_view text) {
  const auto match = tokens.find(text);
  if (!match) return "none";
  return std::to_string(match->begin) + "+" + std::to_string(match->length) + "=" +
         std::to_string(match->token);
}

std::string found_by_comparing_all(const Texts& texts, std::string_view text) {
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    std::size_t longest = texts.size();
    for (std::size_t i = 0; i < texts.size(); ++i)
      if (text.substr(begin, texts[i].size()) == texts[i] &&
          (longest == texts.size() || texts[i].size() > texts[longest].size()))
        longest = i;
    if (longest < texts.size())
      return std::to_string(begin) + "+" + std::to_string(texts[longest].size()) + "=" +
             std::to_string(longest);
  }
  return "none";
}

TEST(SpecialTokens, FindsTheLeftmost) {
  const SpecialTokens tokens = set_of({"<s>", "</s>"});
  EXPECT_EQ(found(tokens, "ab</s><s>"), "2+4=1");
  EXPECT_EQ(found(tokens, "ab<s"), "none");
  EXPECT_EQ(found(tokens, ""), "none");
  EXPECT_EQ(found(SpecialTokens(), "<s>"), "none");
}

TEST(SpecialTokens, PrefersTheLongestAtAPlace) {
  const SpecialTokens tokens = set_of({"<|a|>", "<|a|><|b|>", "<|"});
  EXPECT_EQ(found(tokens, "<|a|><|b|>"), "0+10=1");
  EXPECT_EQ(found(tokens, "<|a|><|b|"), "0+5=0") << "the longer one does not end";
  EXPECT_EQ(found(tokens, "<|x"), "0+2=2");
}

TEST(SpecialTokens, StartsAgainInsideABrokenOne) {
  EXPECT_EQ(found(set_of({"<|a|>"}), "<|<|a|>"), "2+5=0");
  EXPECT_EQ(found(set_of({"aab"}), "aaab"), "1+3=0");
}

TEST(SpecialTokens, AgreesWithComparingAllOfThem) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    Texts texts;
    for (int i = 0; i < 12; ++i) {
      const std::string text = random_text(random, {"a", "b", "\xC3", std::string(1, '\0')}, 1 + i % 5);
      if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
    }
    const SpecialTokens tokens = set_of(texts);
    const std::string text = random_text(random, {"a", "b", "c", "c", "\xC3", std::string(1, '\0')}, 30);
    ASSERT_EQ(found(tokens, text), found_by_comparing_all(texts, text));
  }
}

}  // namespace
}  // namespace yoke::text
