#include "session/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"
#include "demo_tokenizer.h"
#include "fake_engine.h"
#include "score_tokenizer.h"

namespace yoke::session {
namespace {

using Tokens = std::vector<text::Token>;

class ConversationTest : public testing::Test {
 protected:
  std::unique_ptr<text::Tokenizer> tokenizer = demo_tokenizer();
  text::Token eos = tokenizer->eos().value();
  CompletionOptions options;
  std::string written;

  Tokens answer(std::string_view text) const {
    Tokens tokens = tokens_of(*tokenizer, text);
    tokens.push_back(eos);
    return tokens;
  }
  Completion say(Conversation& conversation, std::string_view words, const Cancelled& cancelled = {}) {
    return conversation.say(
        words, options, [this](const Piece& piece) { written += piece.text; }, cancelled);
  }
  std::string history(const Conversation& conversation) const {
    return tokenizer->decode(conversation.past().tokens);
  }
};

TEST_F(ConversationTest, EachTurnSeesAllThatWasSaid) {
  FakeEngine engine({answer(" of the Union"), answer(" have"), answer(".")});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  say(conversation, "The state");
  say(conversation, "The people");
  say(conversation, "—");
  EXPECT_EQ(tokenizer->decode(engine.requests[0].prompt), "The state");
  EXPECT_EQ(tokenizer->decode(engine.requests[1].prompt), "The state of the Union\nThe people");
  EXPECT_EQ(tokenizer->decode(engine.requests[2].prompt), "The state of the Union\nThe people have\n—");
  EXPECT_EQ(history(conversation), "The state of the Union\nThe people have\n—.");
  EXPECT_EQ(written, " of the Union have.");
}

TEST_F(ConversationTest, PutsASpaceBeforeTheFirstWordsOnlyWhereTheModelWantsOne) {
  const auto spaced = score_tokenizer();
  const Tokens a = spaced->encode("a", text::Specials::as_text, text::Begin::within_text);
  ASSERT_EQ(a.size(), 1);
  FakeEngine engine({{a[0], *spaced->eos()}, {a[0], *spaced->eos()}});
  Conversation conversation(engine, *spaced, raw_turns(*spaced));
  say(conversation, "the");
  say(conversation, "the");
  std::vector<std::string_view> names;
  for (const text::Token token : engine.requests[1].prompt) names.push_back(spaced->special_text(token));
  EXPECT_THAT(names, testing::ElementsAre("<s>", "▁the", "a", "<0x0A>", "t", "he"));
  EXPECT_EQ(spaced->decode(engine.requests[1].prompt), "thea\nthe");
}

TEST_F(ConversationTest, TellsWhatWasGivenApartFromWhatTheModelWrote) {
  FakeEngine engine({answer(" of the Union"), answer(" have"), answer("."), answer(".")});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  const auto size = [&] { return static_cast<std::int32_t>(conversation.past().tokens.size()); };
  const auto end = [&] { return static_cast<std::int32_t>(engine.requests.back().prompt.size()); };
  say(conversation, "The state");
  const runtime::Stretch first{0, end()};
  EXPECT_THAT(engine.requests.back().given, testing::ElementsAre(first));
  const std::int32_t before = size();
  say(conversation, "The people");
  const runtime::Stretch second{before, end()};
  EXPECT_THAT(engine.requests.back().given, testing::ElementsAre(first, second));
  conversation.clear();
  say(conversation, "The people");
  EXPECT_THAT(engine.requests.back().given, testing::ElementsAre(runtime::Stretch{0, end()}));
}

TEST_F(ConversationTest, WhatIsSaidOtherwiseThanBeforeIsGivenAnew) {
  FakeEngine engine({answer(" of the Union"), answer(" have"), answer(".")});
  Tokens said = tokens_of(*tokenizer, "The state");
  Conversation conversation(engine, *tokenizer, [&](const Past&, std::string_view) {
    return Prompt{said, {}};
  });
  say(conversation, "x");
  const auto first = static_cast<std::int32_t>(said.size());
  said = tokens_of(*tokenizer, "The state of affairs");  // of the answer, " of" is left
  say(conversation, "x");
  const auto size = static_cast<std::int32_t>(said.size());
  EXPECT_THAT(engine.requests[1].given,
              testing::ElementsAre(runtime::Stretch{0, first}, runtime::Stretch{first + 1, size}));
  said.resize(static_cast<std::size_t>(first) - 1);
  said.push_back(eos);  // it differs in what was given
  say(conversation, "x");
  EXPECT_THAT(engine.requests[2].given, testing::ElementsAre(runtime::Stretch{0, first}));
}

TEST_F(ConversationTest, BeginsTheSequenceOnceAndEndsItNever) {
  FakeEngine engine({answer(" of"), answer(" have")});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  say(conversation, "The state");
  say(conversation, "The people");
  const Tokens& prompt = engine.requests[1].prompt;
  EXPECT_EQ(prompt.front(), tokenizer->bos());
  EXPECT_EQ(std::count(prompt.begin(), prompt.end(), *tokenizer->bos()), 1);
  EXPECT_EQ(std::count(prompt.begin(), prompt.end(), eos), 0);
}

TEST_F(ConversationTest, KeepsTheTokensThatTheModelWroteThoughTheirTextHasOthers) {
  Tokens letters;
  for (const char* letter : {" ", "t", "h", "e"}) letters.push_back(tokens_of(*tokenizer, letter).front());
  ASSERT_NE(letters, tokens_of(*tokenizer, " the"));
  Tokens ended = letters;
  ended.push_back(eos);
  FakeEngine engine({ended, answer(".")});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  say(conversation, "In");
  const Tokens first = engine.requests[0].prompt;
  say(conversation, "x");
  Tokens expected = first;
  expected.insert(expected.end(), letters.begin(), letters.end());
  const Tokens& second = engine.requests[1].prompt;
  ASSERT_GT(second.size(), expected.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), second.begin()));
}

TEST_F(ConversationTest, RemembersAnAnswerCutByAStopStringAsItWasShown) {
  options.stops = {"le of"};
  FakeEngine engine({answer(" people of the Union"), answer(".")});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  EXPECT_EQ(say(conversation, "The").finish, Finish::stop_string);
  EXPECT_EQ(history(conversation), "The peop");
}

TEST_F(ConversationTest, RemembersACancelledAnswerAsFarAsItGot) {
  FakeEngine engine({Tokens(100, tokens_of(*tokenizer, "x").front()), answer(".")});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  EXPECT_EQ(say(conversation, "The", [this] { return written.size() == 3; }).finish, Finish::cancelled);
  say(conversation, "and");
  EXPECT_EQ(history(conversation), "Thexxx\nand.");
}

TEST_F(ConversationTest, ForgetsEverythingWhenCleared) {
  FakeEngine engine({answer(" of"), answer(" have")});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  say(conversation, "The state");
  conversation.clear();
  EXPECT_TRUE(conversation.past().tokens.empty());
  say(conversation, "The people");
  EXPECT_EQ(engine.requests[1].prompt, tokenizer->encode_prompt("The people", text::Specials::as_text));
}

TEST_F(ConversationTest, WhatDoesNotFitIsRefusedAndForgottenSoThatShorterWordsAreHeard) {
  FakeEngine engine({answer(" of"), answer(".")}, {2048, 12, 512});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  say(conversation, "The state");
  const std::string before = history(conversation);
  EXPECT_THROW(say(conversation, "x x x x x x x x x x x x x x x"), PromptTooLong);
  EXPECT_EQ(history(conversation), before);
  say(conversation, "a");
  EXPECT_EQ(history(conversation), before + "\na.");
}

TEST_F(ConversationTest, WordsThatTheVocabularyCannotSpellAreRefusedAndForgotten) {
  text::ScoreVocabulary letters;
  letters.bos = letters.add("<s>", 3);
  letters.eos = letters.add("</s>", 3);
  const text::Token a = letters.add("a", 1);
  letters.add("<0x0A>", 6);
  letters.adds_space = false;
  const auto spelling = text::make_tokenizer(letters.metadata());
  FakeEngine engine({{a, letters.eos}, {a, letters.eos}});
  Conversation conversation(engine, *spelling, raw_turns(*spelling));
  EXPECT_THROW(say(conversation, "b"), Refused);
  say(conversation, "a");
  EXPECT_THROW(say(conversation, "aé"), Refused);
  say(conversation, "a");
  EXPECT_EQ(engine.requests.size(), 2);
  EXPECT_EQ(spelling->decode(engine.requests[1].prompt), "aa\na");
}

TEST_F(ConversationTest, AFullContextRefusesMoreUntilItIsCleared) {
  FakeEngine engine({Tokens(100, tokens_of(*tokenizer, "x").front()), answer(".")}, {2048, 12, 512});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  EXPECT_EQ(say(conversation, "The").finish, Finish::context_full);
  EXPECT_THROW(say(conversation, "more"), PromptTooLong);
  conversation.clear();
  EXPECT_EQ(say(conversation, "The").finish, Finish::end_token);
}

TEST_F(ConversationTest, TurnsAreWhateverTheEncodingOfTheModelSays) {
  std::vector<std::size_t> turns;
  const EncodeTurns roles = [&](const Past& past, std::string_view words) {
    turns.push_back(past.turns.size());
    Tokens tokens = past.tokens;
    tokens.push_back(past.turns.empty() ? 1 : 2);
    const Tokens said = tokens_of(*tokenizer, words);
    tokens.insert(tokens.end(), said.begin(), said.end());
    tokens.push_back(3);
    return Prompt{tokens, {}};
  };
  const Tokens a = tokens_of(*tokenizer, "a");
  ASSERT_EQ(a.size(), 1);
  FakeEngine engine({{a[0], eos}, {a[0], eos}});
  Conversation conversation(engine, *tokenizer, roles);
  say(conversation, "a");
  say(conversation, "a");
  EXPECT_THAT(engine.requests[1].prompt, testing::ElementsAre(1, a[0], 3, a[0], 2, a[0], 3));
  EXPECT_THAT(turns, testing::ElementsAre(0, 1));
}

TEST_F(ConversationTest, ATemplateSeesTheWholeConversationEveryTime) {
  const text::ChatTemplate chat_template(
      "{% for m in messages %}{{ m.role }}={{ m.content }}{% if m.reasoning_content %}({{ "
      "m.reasoning_content }})"
      "{% endif %};{% endfor %}{{ add_generation_prompt }}{{ strftime_now('%Y') }}",
      {});
  const ChatEncoder encoder(*tokenizer, chat_template);
  ChatSettings settings;
  settings.system = "Be brief.";
  settings.now.tm_year = 126;
  FakeEngine engine({answer("<think>\nhm\n</think>\n\nb"), answer("d")});
  Conversation conversation(engine, *tokenizer, template_turns(encoder, settings));
  say(conversation, "a");
  say(conversation, "c");
  EXPECT_EQ(tokenizer->decode(engine.requests[0].prompt), "system=Be brief.;user=a;True2026");
  EXPECT_EQ(tokenizer->decode(engine.requests[1].prompt),
            "system=Be brief.;user=a;assistant=b(hm);user=c;True2026");
  EXPECT_EQ(written, "hmbd");
  EXPECT_EQ(conversation.past().turns[0].content, "b");
}

TEST_F(ConversationTest, AnAnswerThatThePromptHasBegunToReasonIsSplit) {
  const text::ChatTemplate chat_template("{{ messages[-1].content }}<think>\n", {});
  const ChatEncoder encoder(*tokenizer, chat_template);
  FakeEngine engine({answer("hm</think>b")});
  Conversation conversation(engine, *tokenizer, template_turns(encoder, {}));
  std::vector<Section> sections;
  conversation.say("a", options, [&](const Piece& piece) { sections.push_back(piece.section); });
  EXPECT_EQ(conversation.past().turns[0].reasoning, "hm");
  EXPECT_EQ(sections.front(), Section::reasoning);
  EXPECT_EQ(sections.back(), Section::content);
}

TEST_F(ConversationTest, WhatATemplateRefusesIsForgotten) {
  const text::ChatTemplate chat_template(
      "{% if messages[-1].content == 'no' %}{{ raise_exception('not that') }}{% endif %}{% for m "
      "in messages %}{{ m.content }};{% endfor %}",
      {});
  const ChatEncoder encoder(*tokenizer, chat_template);
  FakeEngine engine({answer("b"), answer("d")});
  Conversation conversation(engine, *tokenizer, template_turns(encoder, {}));
  EXPECT_THROW(say(conversation, "no"), Refused);
  say(conversation, "a");
  EXPECT_EQ(tokenizer->decode(engine.requests[0].prompt), "a;");
}

TEST_F(ConversationTest, ATemplateThatKnowsOnlyPartsGetsParts) {
  const text::ChatTemplate chat_template(
      "{% for m in messages %}{{ m.role }}={% for part in m.content %}{{ part['text'] }}{% endfor %};{% "
      "endfor %}",
      {});
  const ChatEncoder encoder(*tokenizer, chat_template);
  ChatSettings settings;
  settings.system = "Be brief.";
  FakeEngine engine({answer("b"), answer("d")});
  Conversation conversation(engine, *tokenizer, template_turns(encoder, settings));
  say(conversation, "a");
  say(conversation, "c");
  EXPECT_EQ(tokenizer->decode(engine.requests[1].prompt), "system=Be brief.;user=a;assistant=b;user=c;");
}

TEST_F(ConversationTest, ATemplateThatLeavesOutWhatIsSaidIsRefused) {
  const text::ChatTemplate chat_template("{{ messages[-1].content }}", {});
  const ChatEncoder encoder(*tokenizer, chat_template);
  ChatSettings settings;
  settings.system = "Be brief.";
  FakeEngine engine({answer("b")});
  Conversation conversation(engine, *tokenizer, template_turns(encoder, settings));
  EXPECT_EQ(
      error_of([&] { say(conversation, "a"); }),
      "the chat template leaves out what 'system' says in message 1 of 2, as a text and as a list of parts; "
      "without the template (--no-chat) all is one text");
  EXPECT_TRUE(engine.requests.empty());
}

TEST_F(ConversationTest, WithoutATemplateMarkersAreText) {
  FakeEngine engine({answer("<think>hm</think>b")});
  Conversation conversation(engine, *tokenizer, raw_turns(*tokenizer));
  say(conversation, "a");
  EXPECT_EQ(written, "<think>hm</think>b");
}

}  // namespace
}  // namespace yoke::session
