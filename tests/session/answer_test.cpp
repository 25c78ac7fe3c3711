#include "session/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "demo_tokenizer.h"
#include "text/score_vocabulary.h"

namespace yoke::session {
namespace {

using testing::ElementsAre;

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

TEST_F(AnswerTest, ShowsTheTokensOfSectionsByNameWhereTheyAreWanted) {
  text::ScoreVocabulary vocabulary = text::small_score_vocabulary(false);
  const text::Token channel = vocabulary.add("<|channel|>", 3), other = vocabulary.add("<|other|>", 3);
  const auto spelling = text::make_tokenizer(vocabulary.metadata());
  const text::Token a = spelling->encode("a", text::Specials::as_text).front();
  const std::vector<text::Token> tokens = {a, channel, other, a};
  Answer named(*spelling, {"never"}, ShownTokens::section_tokens), plain(*spelling, {"never"});
  EXPECT_EQ(show(named, tokens), "a<|channel|>a");
  EXPECT_EQ(named.tokens(), tokens);
  EXPECT_EQ(show(plain, tokens), "aa");
  Answer cut(*spelling, {">a"}, ShownTokens::section_tokens);
  EXPECT_EQ(show(cut, tokens), "a<|channel|");
  EXPECT_EQ(spelling->decode(cut.tokens()), "a<|channel|");
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

TEST_F(AnswerTest, AfterAStopStringBytesThatAreNoCharacterChangeNoTokenBeforeIt) {
  // Half a character, which is shown as U+FFFD; letter by letter, not as the tokenizer would cut it.
  std::vector<text::Token> tokens = tokens_of(*tokenizer, "a🐂");
  tokens.pop_back();
  for (const char* letter : {" ", "t", "h", "e"}) tokens.push_back(tokens_of(*tokenizer, letter).front());
  const std::vector<text::Token> kept = tokens;
  const std::vector<text::Token> stop = tokens_of(*tokenizer, "\nUser:");
  tokens.insert(tokens.end(), stop.begin(), stop.end());
  Answer answer(*tokenizer, {"\nUser:"});
  EXPECT_EQ(show(answer, tokens), "a\xEF\xBF\xBD the");
  EXPECT_TRUE(answer.stopped());
  EXPECT_EQ(answer.tokens(), kept);
}

TEST_F(AnswerTest, FindsAStopStringWhoseCharactersAreCutIntoTokensOfOneByte) {
  const std::vector<text::Token> tokens = tokens_of(*tokenizer, "a🐂b");
  ASSERT_GE(tokens.size(), 6) << "the vocabulary must not have the character as one token";
  Answer answer(*tokenizer, {"🐂"});
  EXPECT_EQ(show(answer, tokens), "a");
  EXPECT_TRUE(answer.stopped());
  EXPECT_EQ(answer.tokens(), tokens_of(*tokenizer, "a"));
}

TEST_F(AnswerTest, AnUnfinishedCharacterAtTheEndIsShownAsReplacement) {
  std::vector<text::Token> tokens = tokens_of(*tokenizer, "a🐂");
  tokens.pop_back();
  Answer answer(*tokenizer, {"never"});
  EXPECT_EQ(show(answer, tokens), "a\xEF\xBF\xBD");
  EXPECT_EQ(answer.tokens(), tokens);
}

/// Names of what is kept of the tokens with these names.
std::vector<std::string> kept_of(const text::ScoreVocabulary& vocabulary,
                                 const std::vector<std::string>& names, const std::string& stop) {
  const auto tokenizer = text::make_tokenizer(vocabulary.metadata());
  const std::vector<std::string>& all = vocabulary.tokens;
  Answer answer(*tokenizer, {stop});
  for (const std::string& name : names)
    answer.push(static_cast<text::Token>(std::find(all.begin(), all.end(), name) - all.begin()));
  answer.finish();
  EXPECT_TRUE(answer.stopped());
  std::vector<std::string> kept;
  for (const text::Token token : answer.tokens()) kept.emplace_back(tokenizer->special_text(token));
  return kept;
}

TEST(AnswerOfWordsWithSpaces, IsCutWithinItsText) {
  const text::ScoreVocabulary vocabulary = text::small_score_vocabulary();
  EXPECT_THAT(kept_of(vocabulary, {"he", "▁the", "▁and"}, "nd"), ElementsAre("he", "▁the", "▁a"));
  EXPECT_THAT(kept_of(vocabulary, {"he", "ing", "s"}, "gs"), ElementsAre("he", "in")) << "no space before it";
  EXPECT_THAT(kept_of(vocabulary, {"▁the", "a"}, " the"), ElementsAre());
}

TEST(AnswerOfWordsWithSpaces, KeepsTheTokensAfterASpaceThatIsNotShown) {
  const text::ScoreVocabulary vocabulary = text::small_score_vocabulary();
  // The space after a special token is not part of the text.
  EXPECT_THAT(kept_of(vocabulary, {"<think>", "▁t", "he", "b"}, "b"), ElementsAre("<think>", "▁t", "he"));
  EXPECT_THAT(kept_of(vocabulary, {"<think>", "▁and", "b"}, "ndb"), ElementsAre("<think>", "▁a"));
}

TEST(AnswerOfWordsWithSpaces, HasNoTokensForAPartThatTheVocabularyCannotSpell) {
  text::ScoreVocabulary vocabulary;
  vocabulary.bos = vocabulary.add("<s>", 3);
  vocabulary.eos = vocabulary.add("</s>", 3);
  for (const char* token : {"ab", "c"}) vocabulary.add(token, 1);
  EXPECT_THAT(kept_of(vocabulary, {"c", "ab", "c"}, "bc"), ElementsAre("c"));
}

}  // namespace
}  // namespace yoke::session
