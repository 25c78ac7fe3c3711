#include "session/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

#include "base/error.h"
#include "gguf/reader.h"

namespace yoke::session {
namespace {

/// Answers every request with the events it was given.
class ScriptedEngine final : public runtime::Engine {
 public:
  explicit ScriptedEngine(std::deque<runtime::Event> script, std::int32_t vocabulary = 2048)
      : script_(std::move(script)), vocabulary_(vocabulary) {}

  runtime::EngineInfo info() const override { return {vocabulary_, 512}; }
  void submit(runtime::Request request) override { requests.push_back(std::move(request)); }
  void cancel(std::uint64_t) override {}
  std::optional<runtime::Event> next(std::chrono::milliseconds) override {
    if (script_.empty()) throw Error("rank 2 was lost");
    const runtime::Event event = script_.front();
    script_.pop_front();
    return event;
  }
  std::vector<runtime::RankReport> reports() override { return {}; }

  std::vector<runtime::Request> requests;

 private:
  std::deque<runtime::Event> script_;
  std::int32_t vocabulary_;
};

class Complete : public testing::Test {
 protected:
  std::unique_ptr<text::Tokenizer> tokenizer =
      text::make_tokenizer(gguf::Model::open(std::filesystem::path(YOKE_MODELS) / "demo.gguf").metadata());
  std::vector<std::string> pieces;

  Completion run(ScriptedEngine& engine, std::string_view prompt) {
    return complete(engine, *tokenizer, prompt, {20, {0.5f, 3}},
                    [this](std::string_view piece) { pieces.emplace_back(piece); });
  }
  std::string written() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
};

TEST_F(Complete, AsksForThePromptWithItsBeginningAndEveryWayToEnd) {
  ScriptedEngine engine({runtime::DoneEvent{1, runtime::FinishReason::length, {}}});
  run(engine, "The Union");
  ASSERT_EQ(engine.requests.size(), 1);
  const runtime::Request& request = engine.requests[0];
  ASSERT_FALSE(request.prompt.empty());
  EXPECT_EQ(request.prompt.front(), tokenizer->bos());
  EXPECT_EQ(tokenizer->decode(request.prompt), "The Union");
  EXPECT_THAT(request.stop_tokens, testing::Contains(tokenizer->eos().value()));
  EXPECT_EQ(request.max_tokens, 20);
  EXPECT_EQ(request.sampling.temperature, 0.5f);
  EXPECT_EQ(request.sampling.seed, 3);
}

TEST_F(Complete, StreamsWholeCharactersOnly) {
  // U+2014, three bytes, as three tokens of one byte each.
  std::deque<runtime::Event> script;
  for (const text::Token token : tokenizer->encode("\xE2\x80\x94", text::Specials::as_text)) {
    script.push_back(runtime::TokenEvent{1, token});
  }
  ASSERT_GT(script.size(), 1) << "the vocabulary must not have the character as one token";
  script.push_back(runtime::DoneEvent{1, runtime::FinishReason::length, {}});
  ScriptedEngine engine(script);
  run(engine, "a");
  EXPECT_EQ(written(), "\xE2\x80\x94");
  for (const std::string& piece : pieces) EXPECT_TRUE(piece.empty() || piece == "\xE2\x80\x94");
}

TEST_F(Complete, TheTokenThatEndsTheTextIsNotText) {
  ScriptedEngine engine({runtime::TokenEvent{1, tokenizer->eos().value()},
                         runtime::DoneEvent{1, runtime::FinishReason::stop_token, {}}});
  EXPECT_EQ(run(engine, "a").reason, runtime::FinishReason::stop_token);
  EXPECT_EQ(written(), "");
}

TEST_F(Complete, ARefusalIsAnError) {
  ScriptedEngine engine({runtime::RefusedEvent{1, "the prompt has 600 tokens, but the context holds 512"}});
  EXPECT_THROW(run(engine, "a"), Error);
}

TEST_F(Complete, AnEmptyPromptIsAnErrorAndNeverReachesTheEngine) {
  ScriptedEngine engine({});
  EXPECT_THROW(run(engine, ""), Error);
  EXPECT_TRUE(engine.requests.empty());
}

TEST_F(Complete, TokensThatHaveNoTextAreNeverAskedFor) {
  ScriptedEngine padded({runtime::DoneEvent{1, runtime::FinishReason::length, {}}}, 2304);
  run(padded, "a");
  ASSERT_EQ(padded.requests.size(), 1);
  EXPECT_EQ(padded.requests[0].vocabulary_limit, 2048);
}

TEST_F(Complete, ATokenizerOfMoreTokensThanTheModelIsAnErrorAndNothingIsWritten) {
  ScriptedEngine small({runtime::DoneEvent{1, runtime::FinishReason::length, {}}}, 2047);
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
  ScriptedEngine engine({runtime::TokenEvent{1, tokenizer->encode("x", text::Specials::as_text).front()}});
  EXPECT_THROW(run(engine, "a"), Error);
  EXPECT_EQ(written(), "x");
}

}  // namespace
}  // namespace yoke::session
