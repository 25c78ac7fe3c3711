#include "session/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "demo_tokenizer.h"

namespace yoke::session {
namespace {

class AnswerTest : public testing::Test {
 protected:
  std::unique_ptr<text::Tokenizer> tokenizer = demo_tokenizer();

  /// What is shown of these tokens.
  std::string show(Answer& answer, const std::vector<text::Token>& tokens) const {
    std::string shown;
    for (const text::Token token : tokens) shown += answer.push(token);
    return shown += answer.finish();
  }
};

TEST_F(AnswerTest, WithoutAStopStringKeepsTheTokensAsTheyCame) {
  // Not as the tokenizer would cut this text: letter by letter.
  std::vector<text::Token> tokens;
  for (const char* letter : {"t", "h", "e", "\xE2", "\x80", "\x94"}) {
    for (const text::Token token : tokens_of(*tokenizer, letter)) tokens.push_back(token);
  }
  Answer answer(*tokenizer, {"never"});
  EXPECT_EQ(show(answer, tokens), "the—");
  EXPECT_EQ(answer.tokens(), tokens);
  EXPECT_NE(answer.tokens(), tokens_of(*tokenizer, "the—"));
}

TEST_F(AnswerTest, AfterAStopStringItsTokensSayWhatWasShownWhereverTheStringBegan) {
  const std::string text = "the people of the United States of America";
  const std::vector<text::Token> tokens = tokens_of(*tokenizer, text);
  for (std::size_t begin = 0; begin + 5 < text.size(); ++begin) {
    const std::string stop = text.substr(begin, 5);
    const std::size_t first = text.find(stop);
    Answer answer(*tokenizer, {stop});
    EXPECT_EQ(show(answer, tokens), text.substr(0, first));
    EXPECT_TRUE(answer.stopped());
    EXPECT_EQ(tokenizer->decode(answer.tokens()), text.substr(0, first));
    // All but the cut one are those that came.
    const std::vector<text::Token> kept = answer.tokens();
    std::size_t bytes = 0, whole = 0;
    while (bytes + tokenizer->bytes(tokens[whole]).size() <= first)
      bytes += tokenizer->bytes(tokens[whole++]).size();
    ASSERT_GE(kept.size(), whole);
    EXPECT_TRUE(
        std::equal(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(whole), kept.begin()));
  }
}

TEST_F(AnswerTest, FindsAStopStringWhoseCharactersAreCutIntoTokensOfOneByte) {
  const std::vector<text::Token> tokens = tokens_of(*tokenizer, "a🐂b");
  ASSERT_GE(tokens.size(), 6) << "the vocabulary must not have the character as one token";
  Answer answer(*tokenizer, {"🐂"});
  EXPECT_EQ(show(answer, tokens), "a");
  EXPECT_TRUE(answer.stopped());
}

TEST_F(AnswerTest, AnUnfinishedCharacterAtTheEndIsShownAsReplacement) {
  std::vector<text::Token> tokens = tokens_of(*tokenizer, "a🐂");
  tokens.pop_back();
  Answer answer(*tokenizer, {"never"});
  EXPECT_EQ(show(answer, tokens), "a\xEF\xBF\xBD");
  EXPECT_EQ(answer.tokens(), tokens);
}

}  // namespace
}  // namespace yoke::session
