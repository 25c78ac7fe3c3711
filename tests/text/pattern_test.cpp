#include "text/pattern.h"

#include <gtest/gtest.h>

#include <string>

#include "fixtures.h"

namespace yoke::text {
namespace {

std::optional<std::string> found(const Pattern& pattern, std::string_view text, std::size_t from = 0) {
  const auto match = Matcher(pattern).find(text, from);
  if (!match) return std::nullopt;
  return std::string(text.substr(match->begin, match->end - match->begin));
}

TEST(Pattern, FindsTheFirstMatchFromAPlaceOn) {
  const Pattern letters(R"(\p{L}+)");
  EXPECT_EQ(found(letters, "1 größe 中文"), "größe");
  EXPECT_EQ(found(letters, "1 größe 中文", 9), "中文");
  EXPECT_EQ(found(letters, "123"), std::nullopt);
  EXPECT_EQ(found(letters, ""), std::nullopt);
  EXPECT_EQ(found(letters, {}), std::nullopt);
}

TEST(Pattern, NeverMatchesNothing) {
  EXPECT_EQ(found(Pattern("a*"), "bba"), "a");
  EXPECT_EQ(found(Pattern("a*"), "bb"), std::nullopt);
}

TEST(Pattern, RefusesWhatIsNoPattern) {
  EXPECT_EQ(sentence_of([] { Pattern("a(b"); }),
            "pattern a(b does not compile: missing closing parenthesis (at byte 3)");
}

TEST(Pattern, FindsTheSameInTheInterpreter) {
  const Pattern pattern(R"(\s+(?!\S)|\p{Lu}\p{Ll}*)", PatternEngine::interpreter);
  EXPECT_EQ(found(pattern, "xÄrger"), "Ärger");
  EXPECT_EQ(found(pattern, "x   y"), "  ");
}

TEST(Pattern, SaysSoWhereItGivesUp) {
  // Every repetition of a captured alternative costs memory.
  const std::string text(1 << 20, 'a');
  const Pattern greedy("(a|b)*c");
  EXPECT_NE(sentence_of([&] {
              Matcher(greedy).find(text, 0);
            }).find("pattern (a|b)*c gave up on a text of 1048576 bytes at byte 0: "),
            std::string::npos);
}

}  // namespace
}  // namespace yoke::text
