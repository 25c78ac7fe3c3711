#include "measure/benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "gguf/reader.h"
#include "runtime/run_engine.h"

namespace yoke::measure {
namespace {

using runtime::Engine;
using runtime::Token;

gguf::Metadata demo_metadata() { return gguf::Model::open(runtime::demo_options().host.model).metadata(); }

TEST(BenchmarkTest, IsNamedAsLlamaBenchNamesIt) {
  EXPECT_EQ((BenchmarkTest{512, 0}).name(), "pp512");
  EXPECT_EQ((BenchmarkTest{0, 128}).name(), "tg128");
  EXPECT_EQ((BenchmarkTest{0, 128, 8192}).name(), "tg128 @ d8192");
}

TEST(BenchmarkTest, AttendsToEveryPositionSoFar) {
  // The four steps attend to 1, 2, 3 and 4 positions.
  EXPECT_EQ((BenchmarkTest{0, 4}).average_positions(), 2.5);
  EXPECT_EQ((BenchmarkTest{0, 1}).average_positions(), 1);
  // After a prompt of ten: to 11, 12, 13 and 14.
  EXPECT_EQ((BenchmarkTest{0, 4, 10}).average_positions(), 12.5);
}

TEST(RandomPrompts, AreOfOrdinaryTokensOnly) {
  gguf::Metadata metadata;
  metadata.set("tokenizer.ggml.token_type", std::vector<std::int64_t>{3, 1, 2, 1, 6, 5, 1, 1});
  RandomPrompts prompts(metadata, 7, 1);
  const std::vector<Token> drawn = prompts.draw(200);
  EXPECT_EQ(drawn.size(), 200);
  EXPECT_THAT(drawn, testing::Each(testing::AnyOf(1, 3, 6)));
  for (const Token token : {1, 3, 6}) EXPECT_THAT(drawn, testing::Contains(token));
}

TEST(RandomPrompts, AreOfAnyTokenWhereTheModelDoesNotSay) {
  RandomPrompts prompts({}, 3, 1);
  const std::vector<Token> drawn = prompts.draw(200);
  EXPECT_THAT(drawn, testing::Each(testing::AllOf(testing::Ge(0), testing::Lt(3))));
  for (const Token token : {0, 1, 2}) EXPECT_THAT(drawn, testing::Contains(token));
}

TEST(RandomPrompts, RepeatWithTheirSeedAndDifferFromEachOther) {
  const gguf::Metadata metadata = demo_metadata();
  RandomPrompts first(metadata, 2048, 5), second(metadata, 2048, 5), other(metadata, 2048, 6);
  const std::vector<Token> prompt = first.draw(50);
  EXPECT_EQ(second.draw(50), prompt);
  EXPECT_NE(other.draw(50), prompt);
  EXPECT_NE(first.draw(50), prompt);
}

TEST(RunTest, ComputesWhatTheTestSays) {
  for (const int ranks : {1, 2, 3}) {
    runtime::RankOptions options = runtime::demo_options();
    options.engine.context = 96;
    runtime::with_engine(ranks, options, [](Engine& engine) {
      RandomPrompts prompts(demo_metadata(), engine.info().vocabulary, 1);
      std::vector<std::int32_t> progress;
      const auto note = [&](std::int32_t generated) { progress.push_back(generated); };
      // Both fill the context to its last position.
      const BenchmarkSample prompt = run_test(engine, {96, 0}, prompts, note);
      EXPECT_TRUE(progress.empty());
      const BenchmarkSample generation = run_test(engine, {0, 96}, prompts, note);
      EXPECT_EQ(progress.size(), 96);
      progress.clear();
      const BenchmarkSample deep = run_test(engine, {0, 6, 90}, prompts, note);
      EXPECT_THAT(progress, testing::ElementsAre(1, 2, 3, 4, 5, 6));
      EXPECT_LT(deep.seconds, generation.seconds);
      for (const BenchmarkSample& sample : {prompt, generation, deep}) {
        EXPECT_GT(sample.seconds, 0);
        EXPECT_GE(sample.exchange_seconds, 0);
        EXPECT_LE(sample.exchange_seconds, sample.seconds);
      }
    });
  }
}

TEST(RunTest, WhatDoesNotFitIsAnError) {
  runtime::RankOptions options = runtime::demo_options();
  options.engine.context = 64;
  runtime::with_engine(1, options, [](Engine& engine) {
    RandomPrompts prompts({}, engine.info().vocabulary, 1);
    const auto ignore = [](std::int32_t) {};
    EXPECT_THROW(run_test(engine, {65, 0}, prompts, ignore), Error);
    EXPECT_THROW(run_test(engine, {0, 65}, prompts, ignore), Error);
    EXPECT_GT(run_test(engine, {64, 0}, prompts, ignore).seconds, 0);
  });
}

}  // namespace
}  // namespace yoke::measure
