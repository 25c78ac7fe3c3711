#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "runtime/local_engine.h"
#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int32_t endless = 400;  // tokens, more than come in any deadline of these tests

Request hurried(std::uint64_t id, std::int32_t max_tokens, std::int32_t milliseconds) {
  Request asked = request(id, prompt, max_tokens);
  asked.deadline_milliseconds = milliseconds;
  return asked;
}

void wait_until(Clock::time_point end) {
  while (Clock::now() < end) continue;
}

TEST(LocalEngineDeadlines, EndARequestThatWaits) {
  RankOptions options = demo_options();
  options.engine.sequences = 1;
  const std::vector<Token> expected = greedy(2, prompt, 30);
  with_engine(2, options, [&](Engine& engine) {
    engine.submit(request(1, prompt, 30));
    ASSERT_TRUE(engine.next(forever));
    engine.submit(hurried(2, endless, 1));
    wait_until(Clock::now() + std::chrono::milliseconds(1));
    const std::map<std::uint64_t, Answer> answers = drain(engine);
    EXPECT_EQ(answers.at(2).done->reason, FinishReason::deadline);
    EXPECT_TRUE(answers.at(2).tokens.empty());
    EXPECT_GE(answers.at(2).done->statistics.queue_seconds, 0.001);
    EXPECT_EQ(answers.at(1).done->reason, FinishReason::length);
    EXPECT_EQ(answers.at(1).tokens, std::vector<Token>(expected.begin() + 1, expected.end()));
  });
}

TEST(LocalEngineDeadlines, EndARequestThatRunsAndLeaveKnownWhatItHasComputed) {
  const std::vector<Token> text(150, 5);
  with_engine(2, demo_options(), [&](Engine& engine) {
    Request asked = hurried(1, endless, 1000);
    asked.prompt = text;
    const Clock::time_point submitted = Clock::now();
    engine.submit(asked);
    ASSERT_TRUE(std::holds_alternative<TokenEvent>(engine.next(forever).value()));
    wait_until(submitted + std::chrono::milliseconds(1001));
    const Answer cut = drain(engine)[1];
    EXPECT_EQ(cut.done->reason, FinishReason::deadline);
    EXPECT_LT(cut.tokens.size(), 5U);
    EXPECT_EQ(cut.done->statistics.generated_tokens, std::ssize(cut.tokens) + 1);
    engine.submit(request(1, text, 3));
    EXPECT_EQ(drain(engine)[1].done->statistics.reused_tokens, 128);
  });
}

TEST(LocalEngineDeadlines, EndAReportBetweenItsStrips) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    Request asked = hurried(1, 0, 1000);
    asked.prompt.assign(200, 5);
    asked.report = PromptReport::logits;
    const Clock::time_point submitted = Clock::now();
    engine.submit(asked);
    ASSERT_TRUE(std::holds_alternative<LogitsEvent>(engine.next(forever).value()));
    wait_until(submitted + std::chrono::milliseconds(1001));
    engine.submit(request(2, prompt, 4));
    const std::map<std::uint64_t, Answer> answers = drain(engine);
    EXPECT_EQ(answers.at(1).done->reason, FinishReason::deadline);
    EXPECT_LT(answers.at(1).logits.size(), 199U * 2048);
    EXPECT_EQ(answers.at(2).tokens, greedy(2, prompt, 4));
  });
}

TEST(LocalEngineDeadlines, OfWhatHasEndedEndNothingElse) {
  with_engine(1, demo_options(), [&](Engine& engine) {
    const Clock::time_point submitted = Clock::now();
    engine.submit(hurried(1, 2, 500));
    EXPECT_EQ(drain(engine)[1].done->reason, FinishReason::length);
    engine.submit(hurried(2, endless, 500));
    engine.cancel(2);
    EXPECT_EQ(drain(engine)[2].done->reason, FinishReason::cancelled);
    engine.submit(request(1, prompt, 20));
    engine.submit(hurried(2, 20, 3'600'000));
    wait_until(submitted + std::chrono::milliseconds(501));
    const std::map<std::uint64_t, Answer> answers = drain(engine);
    EXPECT_EQ(answers.at(1).done->reason, FinishReason::length);
    EXPECT_EQ(answers.at(2).done->reason, FinishReason::length);
  });
}

TEST(LocalEngineDeadlines, BelowZeroAreRefused) {
  with_engine(1, demo_options(), [&](Engine& engine) {
    engine.submit(hurried(1, 5, -3));
    EXPECT_EQ(drain(engine)[1].refused, "a deadline of -3 ms was asked for; expected 0 (none) or more");
  });
}

}  // namespace
}  // namespace yoke::runtime
