#include "session/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "demo_tokenizer.h"
#include "fake_engine.h"

namespace yoke::session {
namespace {

using Tokens = std::vector<text::Token>;

class Complete : public testing::Test {
 protected:
  std::unique_ptr<text::Tokenizer> tokenizer = demo_tokenizer();
  text::Token eos = tokenizer->eos().value();
  CompletionOptions options{20, {0.5f, 3}, {}, false};
  std::vector<std::string> pieces;

  Tokens tokens(std::string_view text) const { return tokens_of(*tokenizer, text); }
  /// The text's tokens, then more.
  Tokens tokens(std::string_view text, Tokens more) const {
    Tokens all = tokens(text);
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Completion run(FakeEngine& engine, std::string_view prompt, const Cancelled& cancelled = {}) {
    return complete(
        engine, *tokenizer, {encode_prompt(*tokenizer, prompt)}, options,
        [this](std::string_view piece) { pieces.emplace_back(piece); }, cancelled);
  }
  std::string written() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
};

TEST_F(Complete, AsksForThePromptWithItsBeginningAndEveryWayToEnd) {
  FakeEngine engine({Tokens{eos}});
  run(engine, "The Union");
  ASSERT_EQ(engine.requests.size(), 1);
  const runtime::Request& request = engine.requests[0];
  ASSERT_FALSE(request.prompt.empty());
  EXPECT_EQ(request.prompt.front(), tokenizer->bos());
  EXPECT_EQ(tokenizer->decode(request.prompt), "The Union");
  EXPECT_THAT(request.stop_tokens, testing::Contains(eos));
  EXPECT_EQ(request.max_tokens, 20);
  EXPECT_EQ(request.sampling.temperature, 0.5f);
  EXPECT_EQ(request.sampling.seed, 3);
  EXPECT_TRUE(request.sampling.bias.empty());
}

TEST_F(Complete, StreamsWholeCharactersOnly) {
  // U+2014, three bytes, as three tokens of one byte each.
  const Tokens dash = tokens("\xE2\x80\x94", {eos});
  ASSERT_GT(dash.size(), 2) << "the vocabulary must not have the character as one token";
  FakeEngine engine({dash});
  run(engine, "a");
  EXPECT_THAT(pieces, testing::ElementsAre("\xE2\x80\x94"));
}

TEST_F(Complete, TheTokenThatEndsTheTextIsNeitherTextNorPartOfIt) {
  FakeEngine engine({tokens(" people", {eos})});
  const Completion completion = run(engine, "a");
  EXPECT_EQ(completion.finish, Finish::end_token);
  EXPECT_EQ(completion.tokens, tokens(" people"));
  EXPECT_EQ(written(), " people");
}

TEST_F(Complete, ATextAsLongAsAskedForEndsByItsLength) {
  options.max_tokens = 2;
  FakeEngine engine({tokens("abcdefghij")});
  const Completion completion = run(engine, "a");
  EXPECT_EQ(completion.finish, Finish::length);
  EXPECT_EQ(completion.tokens.size(), 2);
}

TEST_F(Complete, AnUnlimitedTextEndsWithTheContext) {
  options.max_tokens = unlimited;
  FakeEngine engine({Tokens(100, tokens("x").front())}, {2048, 8});
  const Completion completion = run(engine, "a");
  EXPECT_EQ(completion.finish, Finish::context_full);
  EXPECT_EQ(engine.requests[0].prompt.size() + completion.tokens.size(), 9);
}

TEST_F(Complete, AStopStringAcrossTokensEndsTheTextAndTheEnginesWork) {
  options.stops = {"\nUser:"};
  FakeEngine engine({tokens("Yes.\nUser: no"), tokens("Again", {eos})});
  const Completion completion = run(engine, "a");
  EXPECT_EQ(completion.finish, Finish::stop_string);
  EXPECT_EQ(written(), "Yes.");
  EXPECT_EQ(tokenizer->decode(completion.tokens), "Yes.");
  EXPECT_THAT(engine.cancelled, testing::ElementsAre(engine.requests[0].id));
  EXPECT_EQ(run(engine, "a").finish, Finish::end_token) << "the engine goes on";
}

TEST_F(Complete, AStopStringInTheLastTokenIsTheReasonEvenThoughTheEngineHadEnded) {
  const Tokens answer = tokens("ab");
  options.max_tokens = static_cast<std::int32_t>(answer.size());
  options.stops = {"b"};
  FakeEngine engine({answer});
  EXPECT_EQ(run(engine, "a").finish, Finish::stop_string);
  EXPECT_EQ(written(), "a");
}

TEST_F(Complete, TheBeginningOfAStopStringIsShownWhereTheTextEndsThere) {
  options.stops = {"people!"};
  FakeEngine engine({tokens(" people", {eos})});
  const Completion completion = run(engine, "a");
  EXPECT_EQ(completion.finish, Finish::end_token);
  EXPECT_EQ(written(), " people");
  EXPECT_EQ(completion.tokens, tokens(" people"));
}

TEST_F(Complete, CancellingEndsTheTextWhereItIsAndTheEngineGoesOn) {
  options.max_tokens = unlimited;
  FakeEngine engine({Tokens(100, tokens("x").front()), tokens("y", {eos})});
  const Completion completion = run(engine, "a", [this] { return pieces.size() == 3; });
  EXPECT_EQ(completion.finish, Finish::cancelled);
  EXPECT_EQ(written(), "xxx");
  EXPECT_EQ(completion.tokens.size(), 3);
  EXPECT_THAT(engine.cancelled, testing::ElementsAre(engine.requests[0].id));
  EXPECT_EQ(run(engine, "a").finish, Finish::end_token);
  EXPECT_EQ(written(), "xxxy");
}

TEST_F(Complete, MayBeCancelledFromAnotherThread) {
  options.max_tokens = unlimited;
  std::atomic<bool> cancelled = false;
  std::thread other;
  FakeEngine engine({Tokens(10'000'000, tokens("x").front())}, {2048, 1 << 30});
  const Completion completion = complete(
      engine, *tokenizer, {encode_prompt(*tokenizer, "a")}, options,
      [&](std::string_view) {
        if (!other.joinable()) other = std::thread([&] { cancelled = true; });
      },
      [&] { return cancelled.load(); });
  other.join();
  EXPECT_EQ(completion.finish, Finish::cancelled);
}

TEST_F(Complete, IgnoringTheEndForbidsEveryTokenThatEndsATextAndLeavesOtherBiasesAlone) {
  options.ignore_end = true;
  options.sampling.bias = {{eos, 5.0f}, {7, 2.0f}};
  options.max_tokens = 1;
  FakeEngine engine({tokens("x")});
  run(engine, "a");
  std::vector<text::Token> forbidden;
  for (const runtime::TokenBias& bias : engine.requests[0].sampling.bias) {
    if (bias.token == 7) {
      EXPECT_EQ(bias.bias, 2.0f);
    } else {
      EXPECT_EQ(bias.bias, -INFINITY);
      forbidden.push_back(bias.token);
    }
  }
  EXPECT_EQ(forbidden, engine.requests[0].stop_tokens);
}

TEST_F(Complete, ARefusalIsAnErrorOfItsOwnKindAndTheEngineGoesOn) {
  FakeEngine engine({tokens("x", {eos})});
  EXPECT_THROW(complete(engine, *tokenizer, {{1, 13}}, options, [](std::string_view) {}), Refused);
  EXPECT_EQ(run(engine, "a").finish, Finish::end_token);
}

TEST_F(Complete, APromptLongerThanTheContextIsRefusedAndNeverReachesTheEngine) {
  FakeEngine engine({tokens("x", {eos})}, {2048, 8});
  try {
    run(engine, "x x x x x x x x x x");
    FAIL() << "nothing was thrown";
  } catch (const PromptTooLong& error) {
    EXPECT_THAT(error.what(),
                testing::ContainsRegex("the prompt has [0-9]+ tokens, but the context holds 8"));
  }
  EXPECT_TRUE(engine.requests.empty());
}

TEST_F(Complete, AnEmptyPromptIsAnErrorAndNeverReachesTheEngine) {
  FakeEngine engine({});
  EXPECT_THROW(run(engine, ""), Error);
  EXPECT_TRUE(engine.requests.empty());
}

TEST_F(Complete, TokensThatHaveNoTextAreNeverAskedFor) {
  FakeEngine padded({Tokens{eos}}, {2304, 512});
  run(padded, "a");
  ASSERT_EQ(padded.requests.size(), 1);
  EXPECT_EQ(padded.requests[0].vocabulary_limit, 2048);
}

TEST_F(Complete, ATokenizerOfMoreTokensThanTheModelIsAnErrorAndNothingIsWritten) {
  FakeEngine small({Tokens{eos}}, {2047, 512});
  try {
    run(small, "a");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("2048 tokens"), testing::HasSubstr("2047")));
  }
  EXPECT_TRUE(pieces.empty());
  EXPECT_TRUE(small.requests.empty());
}

TEST_F(Complete, TheDeathOfTheEngineIsAnErrorAfterWhatWasWritten) {
  FakeEngine engine({Tokens{tokens("x").front()}});
  try {
    run(engine, "a");
    FAIL() << "nothing was thrown";
  } catch (const Refused&) {
    FAIL() << "the engine is lost";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "rank 2 was lost");
  }
  EXPECT_EQ(written(), "x");
}

}  // namespace
}  // namespace yoke::session
