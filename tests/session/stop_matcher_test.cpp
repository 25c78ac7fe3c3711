#include "session/stop_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/utf8.h"

namespace yoke::session {
namespace {

/// What is shown of a text that arrives in `parts`, and whether it was stopped.
struct Shown {
  std::string text;
  bool stopped = false;
  bool operator==(const Shown&) const = default;
};

Shown show(const std::vector<std::string>& stops, const std::vector<std::string>& parts) {
  StopMatcher matcher(stops);
  Shown shown;
  for (const std::string& part : parts) {
    if (matcher.stopped()) break;
    shown.text += matcher.push(part);
    EXPECT_TRUE(is_utf8(shown.text));
  }
  shown.text += matcher.finish();
  shown.stopped = matcher.stopped();
  return shown;
}

/// The same by searching the whole text.
Shown search(const std::vector<std::string>& stops, const std::string& text) {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop));
  return {text.substr(0, first), first != std::string::npos};
}

TEST(StopMatcher, LetsTextWithoutStopStringsThroughAtOnce) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("The state"), "The state");
  EXPECT_EQ(matcher.push(" of"), " of");
  EXPECT_EQ(matcher.finish(), "");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcher, HoldsBackWhatMayBecomeAStopStringAndNoMore) {
  StopMatcher matcher({"User:"});
  EXPECT_EQ(matcher.push("yes.\nUs"), "yes.\n");
  EXPECT_EQ(matcher.push("er"), "");
  EXPECT_EQ(matcher.push("s"), "Users");
}

TEST(StopMatcher, ShowsNeitherTheStopStringNorWhatFollows) {
  StopMatcher matcher({"User:"});
  EXPECT_EQ(matcher.push("yes.\nUs"), "yes.\n");
  EXPECT_EQ(matcher.push("er: and"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, ReleasesAtTheEndWhatWasNoStopString) {
  StopMatcher matcher({"User:"});
  EXPECT_EQ(matcher.push("Use"), "");
  EXPECT_EQ(matcher.finish(), "Use");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcher, TheOneThatBeginsFirstWinsAlsoWhereAnotherEndsFirst) {
  EXPECT_EQ(show({"bc", "abcd"}, {"xabc", "d"}), (Shown{"x", true}));
  EXPECT_EQ(show({"bc", "abcd"}, {"xabc", "e"}), (Shown{"xa", true}));
  EXPECT_EQ(show({"bc", "abcd"}, {"xabc"}), (Shown{"xa", true}));
}

TEST(StopMatcher, FindsAnOccurrenceInsideABrokenOffOne) {
  EXPECT_EQ(show({"aab"}, {"a", "a", "a", "b"}), (Shown{"a", true}));
  EXPECT_EQ(show({"\n\n"}, {"x\n", "y\n", "\nz"}), (Shown{"x\ny", true}));
}

TEST(StopMatcher, WithoutStopStringsEverythingPasses) {
  EXPECT_EQ(show({}, {"a", "b"}), (Shown{"ab", false}));
}

/// Every way of cutting a text into parts.
TEST(StopMatcher, ShowsTheSameHoweverTheTextIsCut) {
  const std::string text = "abaababbaab";
  const std::vector<std::vector<std::string>> sets = {
      {"aab"}, {"bba", "abb"}, {"abaabb"}, {"baab", "ab"}, {"aabb", "b"}, {"bb", "abbaabx"}, {"c"}};
  for (const auto& stops : sets) {
    for (unsigned cuts = 0; cuts < 1u << (text.size() - 1); ++cuts) {
      std::vector<std::string> parts(1);
      for (std::size_t i = 0; i < text.size(); ++i) {
        parts.back() += text[i];
        if ((cuts >> i & 1u) != 0) parts.emplace_back();
      }
      ASSERT_EQ(show(stops, parts), search(stops, text)) << testing::PrintToString(parts);
    }
  }
}

/// Random texts over few characters, of one to four bytes each, so that stop strings nearly match all the
/// time.
TEST(StopMatcher, AgreesWithASearchOfTheWholeText) {
  const std::vector<std::string> alphabet = {"a", "b", "é", "ê", "—", "–", "🐂", "🐃"};
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const auto word = [&](std::size_t characters, std::size_t letters) {
    std::string made;
    for (std::size_t i = 0; i < characters; ++i) made += alphabet[below(letters)];
    return made;
  };
  int stopped = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t letters = 2 + below(alphabet.size() - 1);
    std::vector<std::string> stops(below(4));
    for (std::string& stop : stops) stop = word(1 + below(5), letters);
    std::vector<std::string> parts(1 + below(12));
    std::string text;
    for (std::string& part : parts) text += part = word(below(5), letters);
    const Shown expected = search(stops, text);
    ASSERT_EQ(show(stops, parts), expected)
        << testing::PrintToString(stops) << " in " << testing::PrintToString(parts);
    stopped += expected.stopped ? 1 : 0;
  }
  EXPECT_GT(stopped, 5'000);
  EXPECT_LT(stopped, 15'000);
}

}  // namespace
}  // namespace yoke::session
