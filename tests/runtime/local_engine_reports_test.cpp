#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "model/edited_model.h"
#include "runtime/local_engine.h"
#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

Request report(std::uint64_t id, std::vector<Token> prompt_tokens, PromptReport what) {
  Request reporting = request(id, std::move(prompt_tokens), 0);
  reporting.report = what;
  return reporting;
}

std::vector<Token> long_prompt(std::size_t n) {
  std::mt19937 random(5);
  std::vector<Token> tokens(n);
  for (Token& token : tokens) token = static_cast<Token>(random() % 2048);
  return tokens;
}

TEST(LocalEngineReports, GivesTheLogProbabilitiesOfAPromptsTokens) {
  const std::vector<Token> tokens = long_prompt(150);
  for (const int ranks : {1, 2, 3, 4}) {
    for (const std::int32_t chunk : {512, 40, 1}) {
      RankOptions options = demo_options();
      options.engine.prefill_chunk = chunk;
      with_engine(ranks, options, [&](Engine& engine) {
        Request asked = report(1, tokens, PromptReport::log_probabilities);
        // None of these counts.
        asked.sampling = {.temperature = 0.5f, .repetition_penalty = 2, .bias = {{tokens[7], 5}}};
        asked.vocabulary_limit = 100;
        engine.submit(asked);
        engine.submit(report(2, tokens, PromptReport::logits));
        std::map<std::uint64_t, Answer> answers = drain(engine);
        const std::vector<float>& logits = answers[2].logits;
        ASSERT_EQ(logits.size(), 150 * 2048);
        ASSERT_EQ(answers[1].log_probabilities.size(), 149);
        for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
          const float* row = logits.data() + i * 2048;
          double sum = 0;
          for (int id = 0; id < 2048; ++id) sum += std::exp(static_cast<double>(row[id]));
          const double expected = static_cast<double>(row[tokens[i + 1]]) - std::log(sum);
          ASSERT_NEAR(answers[1].log_probabilities[i], expected, 4e-7 * (1 + std::abs(expected)))
              << "position " << i + 1 << ", " << ranks << " ranks";
        }
      });
    }
  }
}

TEST(LocalEngineReports, AReportOfOneTokenHasNoLogProbabilities) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(report(1, {5}, PromptReport::log_probabilities));
    const Answer answer = drain(engine)[1];
    EXPECT_TRUE(answer.log_probabilities.empty());
    EXPECT_EQ(answer.done->reason, FinishReason::length);
  });
}

TEST(LocalEngineReports, HandsOutALongPromptsLogitsAStripAtATimeAndCanBeStoppedBetween) {
  with_engine(3, demo_options(), [&](Engine& engine) {
    engine.submit(report(1, long_prompt(200), PromptReport::logits));
    for (int row = 0; row < 40; ++row) {
      const std::optional<Event> event = engine.next(forever);
      ASSERT_TRUE(std::holds_alternative<LogitsEvent>(event.value()));
      EXPECT_EQ(std::get<LogitsEvent>(*event).first_position, row);
    }
    engine.cancel(1);
    engine.submit(request(2, prompt, 4));
    std::map<std::uint64_t, Answer> answers = drain(engine);
    EXPECT_EQ(answers[1].done->reason, FinishReason::cancelled);
    EXPECT_EQ(answers[1].logits.size(), 24 * 2048) << "what is left of the second strip of 32";
    EXPECT_EQ(answers[2].tokens.size(), 4);
  });
}

TEST(LocalEngineReports, ARequestMayTakeTheNumberOfOneThatWasCancelledBetweenStrips) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(report(1, long_prompt(100), PromptReport::logits));
    ASSERT_TRUE(std::holds_alternative<LogitsEvent>(engine.next(forever).value()));
    engine.cancel(1);
    engine.cancel(1);
    engine.submit(report(2, long_prompt(40), PromptReport::log_probabilities));
    std::map<std::uint64_t, Answer> first = drain(engine);
    EXPECT_EQ(first[1].done->reason, FinishReason::cancelled);
    EXPECT_EQ(first[1].logits.size(), 31 * 2048);
    EXPECT_EQ(first[2].log_probabilities.size(), 39);

    engine.submit(report(1, long_prompt(100), PromptReport::logits));
    ASSERT_TRUE(std::holds_alternative<LogitsEvent>(engine.next(forever).value()));
    engine.cancel(1);
    engine.submit(request(1, prompt, 5));
    const Answer second = drain(engine)[1];
    EXPECT_EQ(second.logits.size(), 31 * 2048) << "nothing of the first after it was cancelled";
    EXPECT_EQ(second.tokens, greedy(2, prompt, 5));
  });
}

TEST(LocalEngineReports, SaysSoWhenTheWeightsAreDamagedWhateverIsAsked) {
  const model::EditedModel damaged([](model::Draft& draft) {
    draft.tensor("output_norm.weight").type = quant::Type::f32;
    draft.data["output_norm.weight"].assign(128, std::numeric_limits<float>::quiet_NaN());
  });
  RankOptions options;
  options.host.model = damaged.path();
  Request sampled = request(1, {5, 6, 7}, 3);
  sampled.sampling = {.temperature = 1, .top_p = 0.5f};
  for (const Request& asked :
       {request(1, {5, 6, 7}, 3), sampled, report(1, {5, 6, 7}, PromptReport::log_probabilities),
        report(1, {5, 6, 7}, PromptReport::logits)}) {
    for (const int ranks : {1, 3}) {
      with_engine(ranks, options, [&](Engine& engine) {
        engine.submit(asked);
        EXPECT_THAT(
            drain(engine)[1].refused,
            testing::MatchesRegex(".*\\.gguf: the model's logits at position [02] are not all finite; "
                                  "its weights are damaged"));
      });
    }
  }
}

TEST(LocalEngineReports, ARequestWhoseLogitsAreNotFiniteEndsAloneAndOthersGoOn) {
  constexpr std::size_t damaged_position = 20;
  const model::EditedModel damaged(
      [](model::Draft& draft) {
        gguf::TensorSpec& positions = draft.tensor("position_embd.weight");
        positions.type = quant::Type::f32;
        const auto dim = static_cast<std::size_t>(positions.shape[1]);
        std::vector<float>& values = draft.data["position_embd.weight"];
        values.assign(dim * static_cast<std::size_t>(positions.shape[0]), 0.01F);
        values[dim * damaged_position] = std::numeric_limits<float>::quiet_NaN();
      },
      "gpt2");
  RankOptions options = demo_options();
  options.host.model = damaged.path();
  with_engine(2, options, [&](Engine& engine) {
    engine.submit(request(1, {5, 6, 7}, 12));
    const std::vector<Token> alone = drain(engine)[1].tokens;
    engine.submit(request(1, {5, 6, 7}, 12));
    engine.submit(request(2, {9, 8, 7}, 40));
    const std::map<std::uint64_t, Answer> answers = drain(engine);
    EXPECT_EQ(answers.at(1).tokens, alone);
    EXPECT_THAT(answers.at(2).refused, testing::HasSubstr("at position 20 are not all finite"));
    EXPECT_EQ(answers.at(2).tokens.size(), damaged_position - 2);
  });
}

TEST(LocalEngineReports, GivesTheLogitsOfEveryPromptPosition) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    Request reporting = request(1, prompt, 0);
    reporting.report = PromptReport::logits;
    engine.submit(reporting);
    const Answer answer = drain(engine)[1];
    EXPECT_EQ(answer.logits.size(), 7 * 2048);
    EXPECT_EQ(answer.done->reason, FinishReason::length);
    EXPECT_EQ(answer.done->statistics.generated_tokens, 0);
  });
}

}  // namespace
}  // namespace yoke::runtime
