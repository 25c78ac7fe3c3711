#include "measure/windows.h"

#include <gtest/gtest.h>

#include <numeric>

#include "common/error_of.h"

namespace yoke::measure {
namespace {

using runtime::Token;

std::vector<Token> counted(std::int32_t n) {
  std::vector<Token> tokens(static_cast<std::size_t>(n));
  std::iota(tokens.begin(), tokens.end(), 100);
  return tokens;
}

std::string error_of(std::int32_t tokens, std::int32_t length) {
  return yoke::error_of([&] { Windows(counted(tokens), length, std::nullopt); });
}

TEST(Windows, FollowOneAnotherAndLeaveTheRestOut) {
  const Windows windows(counted(11), 4, std::nullopt);
  EXPECT_EQ(windows.count(), 2);
  EXPECT_EQ(windows.tokens(0), (std::vector<Token>{100, 101, 102, 103}));
  EXPECT_EQ(windows.tokens(1), (std::vector<Token>{104, 105, 106, 107}));
}

TEST(Windows, BeginWithBosWhereTheModelAddsOne) {
  const Windows windows(counted(8), 4, 7);
  EXPECT_EQ(windows.tokens(0), (std::vector<Token>{7, 101, 102, 103}));
  EXPECT_EQ(windows.tokens(1), (std::vector<Token>{7, 105, 106, 107}));
}

TEST(Windows, CountTheTokensBehindTheMiddleOne) {
  // llama.cpp: the logits of positions n/2 to n − 2 foresee the tokens at n/2 + 1 to n − 1.
  const Windows usual(counted(512), 512, std::nullopt);
  EXPECT_EQ(usual.first_scored(), 257);
  EXPECT_EQ(usual.scored(), 255);
  const Windows odd(counted(7), 7, std::nullopt);
  EXPECT_EQ(odd.first_scored(), 4);
  EXPECT_EQ(odd.scored(), 3);
  const Windows smallest(counted(3), 3, std::nullopt);
  EXPECT_EQ(smallest.first_scored(), 2);
  EXPECT_EQ(smallest.scored(), 1);
}

TEST(Windows, RefuseATextShorterThanOne) {
  EXPECT_EQ(error_of(255, 256),
            "the text has 255 tokens, but a window has 256; a smaller one can be asked for with --ctx");
  EXPECT_EQ(error_of(256, 256), "");
}

TEST(Windows, RefuseALengthOfWhichNothingWouldCount) {
  EXPECT_EQ(error_of(10, 2), "a window of 2 tokens was asked for; expected at least 3, of which one counts");
  EXPECT_NE(error_of(10, 0), "");
  EXPECT_NE(error_of(10, -5), "");
}

}  // namespace
}  // namespace yoke::measure
