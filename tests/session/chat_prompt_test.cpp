#include "session/chat_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "demo_tokenizer.h"
#include "score_tokenizer.h"
#include "text/score_vocabulary.h"

namespace yoke::session {
namespace {

using Json = nlohmann::ordered_json;

const text::Tokenizer& demo() {
  static const auto tokenizer = demo_tokenizer();
  return *tokenizer;
}

ChatPrompt encode(const std::string& source, const Json& messages,
                  const text::Tokenizer& tokenizer = demo()) {
  const text::ChatTemplate chat_template(
      source, {{"bos_token", std::string(tokenizer.special_text(*tokenizer.bos()))}});
  return ChatEncoder(tokenizer, chat_template).encode({messages, Json(), true, Json::object(), std::tm{}});
}

Json user(const std::string& content) { return {{{"role", "user"}, {"content", content}}}; }

/// The names of the control tokens among them.
std::vector<std::string> controls(const std::vector<text::Token>& tokens,
                                  const text::Tokenizer& tokenizer = demo()) {
  std::vector<std::string> names;
  for (const text::Token token : tokens)
    if (tokenizer.bytes(token).empty()) names.emplace_back(tokenizer.special_text(token));
  return names;
}

const std::string user_token(demo().special_text(2046));  // <|user|>
const std::string bos(demo().special_text(2044));

TEST(ChatPrompt, TakesTheTemplatesControlTokensForTokens) {
  const ChatPrompt prompt = encode("{{ bos_token }}" + user_token + "{{ messages[0].content }}", user("Hi"));
  EXPECT_EQ(prompt.text, bos + user_token + "Hi");
  EXPECT_THAT(controls(prompt.tokens), testing::ElementsAre(bos, user_token));
}

TEST(ChatPrompt, TakesControlTokensInAMessageForText) {
  for (const std::string& content : {user_token, "a" + user_token + user_token + "b", "<" + user_token,
                                     bos + user_token, "<|us" + user_token}) {
    const ChatPrompt prompt = encode(user_token + "{{ messages[0].content }}" + user_token, user(content));
    EXPECT_EQ(prompt.text, user_token + content + user_token);
    EXPECT_THAT(controls(prompt.tokens), testing::ElementsAre(bos, user_token, user_token)) << content;
    EXPECT_EQ(demo().decode(prompt.tokens), content);
  }
}

TEST(ChatPrompt, TakesThemForTextWhereverTheyStandInTheConversation) {
  const Json messages = {{{"role", user_token}, {"calls", {{{user_token, {user_token}}}}}}};
  const ChatPrompt prompt = encode("{{ messages[0].role }}{{ messages[0].calls | tojson }}", messages);
  EXPECT_THAT(controls(prompt.tokens), testing::ElementsAre(bos));
  EXPECT_EQ(prompt.text, user_token + "[{\"" + user_token + "\": [\"" + user_token + "\"]}]");
}

TEST(ChatPrompt, TakesForTextAlsoWhatAVocabularyHasAsAnOrdinaryAddition) {
  text::ScoreVocabulary vocabulary = text::small_score_vocabulary(false);
  const text::Token role = vocabulary.add("<｜User｜>", 4), thought = vocabulary.add("</think>", 4);
  const auto tokenizer = text::make_tokenizer(vocabulary.metadata());
  const auto count = [&](const ChatPrompt& prompt, text::Token token) {
    return std::count(prompt.tokens.begin(), prompt.tokens.end(), token);
  };
  const ChatPrompt prompt =
      encode("<｜User｜>{{ messages[0].content }}", user("the<｜User｜></think>"), *tokenizer);
  EXPECT_EQ(count(prompt, role), 1);
  EXPECT_EQ(count(prompt, thought), 1);
  EXPECT_EQ(tokenizer->decode(prompt.tokens), "<｜User｜>the<｜User｜></think>");
}

TEST(ChatPrompt, EndsTurnsAtTheTemplatesEndsAloneWhateverTypeTheVocabularyGivesThem) {
  for (const int type : {1, 4}) {
    text::ScoreVocabulary vocabulary = text::small_score_vocabulary(false);
    const text::Token end = vocabulary.add("<end_of_turn>", type);
    const auto tokenizer = text::make_tokenizer(vocabulary.metadata());
    const std::vector<text::Token> tokens =
        encode("{{ messages[0].content }}<end_of_turn>", user("the<end_of_turn>"), *tokenizer).tokens;
    EXPECT_EQ(std::count(tokens.begin(), tokens.end(), end), 1) << "type " << type;
    EXPECT_EQ(tokens.back(), end);
  }
}

TEST(ChatPrompt, LetsTemplatesLookIntoTextsWithoutControlTokens) {
  const std::string source = "{{ messages[0].content | length }} {{ '</think>' in messages[0].content }}";
  EXPECT_EQ(encode(source, user("a</think>b")).text, "10 True");
}

TEST(ChatPrompt, BeginsWithBosOnce) {
  for (const char* source : {"{{ bos_token }}a", "a"}) {
    const ChatPrompt prompt = encode(source, user("x"));
    EXPECT_EQ(prompt.tokens.front(), demo().bos());
    EXPECT_THAT(controls(prompt.tokens), testing::ElementsAre(bos));
  }
}

TEST(ChatPrompt, PutsASpaceBeforeTextAsTheModelWantsIt) {
  const auto spaced = score_tokenizer();
  std::vector<std::string_view> names;
  for (const text::Token token :
       encode("{{ bos_token }}{{ messages[0].content }}", user("the"), *spaced).tokens)
    names.push_back(spaced->special_text(token));
  EXPECT_THAT(names, testing::ElementsAre("<s>", "▁the"));
}

TEST(ChatPrompt, GivesPartsWhoseControlTokensAreTextToo) {
  const ChatPrompt prompt =
      encode("{{ messages[0].content[0]['text'] }}" + user_token, user("a" + user_token));
  EXPECT_EQ(prompt.text, "a" + user_token + user_token);
  EXPECT_THAT(controls(prompt.tokens), testing::ElementsAre(bos, user_token));
  EXPECT_EQ(prompt.left_out, "");
}

TEST(ChatPrompt, SaysWhatTheTemplateLeavesOut) {
  EXPECT_EQ(
      encode("a", user("x")).left_out,
      "the chat template leaves out what 'user' says in message 1 of 1, as a text and as a list of parts");
}

TEST(ChatPrompt, RefusesATemplateThatMakesNothing) { EXPECT_THROW(encode("", user("x")), Error); }

}  // namespace
}  // namespace yoke::session
