#include "runtime/local_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "base/error.h"
#include "model/edited_model.h"
#include "runtime/reference_sampler.h"
#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::chrono::hours forever{1};  // so that next() returns nothing only when nothing is in flight

struct Answer {
  std::vector<Token> tokens;
  std::vector<float> logits;
  std::vector<float> log_probabilities;
  std::optional<DoneEvent> done;
  std::string refused;
};

/// All events until nothing is in flight, by request.
std::map<std::uint64_t, Answer> drain(Engine& engine) {
  std::map<std::uint64_t, Answer> answers;
  while (const std::optional<Event> event = engine.next(forever)) {
    if (const auto* token = std::get_if<TokenEvent>(&*event)) {
      answers[token->request].tokens.push_back(token->token);
    } else if (const auto* rows = std::get_if<LogitsEvent>(&*event)) {
      std::vector<float>& all = answers[rows->request].logits;
      all.insert(all.end(), rows->logits.begin(), rows->logits.end());
    } else if (const auto* piece = std::get_if<LogProbabilitiesEvent>(&*event)) {
      std::vector<float>& all = answers[piece->request].log_probabilities;
      EXPECT_EQ(piece->first_position, static_cast<std::int32_t>(all.size()) + 1);
      all.insert(all.end(), piece->values.begin(), piece->values.end());
    } else if (const auto* done = std::get_if<DoneEvent>(&*event)) {
      answers[done->request].done = *done;
    } else if (const auto* refused = std::get_if<RefusedEvent>(&*event)) {
      answers[refused->request].refused = refused->sentence;
    }
  }
  return answers;
}

Request request(std::uint64_t id, std::vector<Token> prompt, std::int32_t max_tokens) {
  Request request;
  request.id = id;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  return request;
}

std::vector<Token> greedy(int ranks, const std::vector<Token>& prompt, std::int32_t n) {
  std::vector<Token> tokens;
  with_engine(ranks, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, prompt, n));
    tokens = drain(engine)[1].tokens;
  });
  return tokens;
}

const std::vector<Token> prompt = {2044, 318, 262, 900, 17, 41, 1000};

TEST(LocalEngine, WritesTheSameGreedyTokensOnAnyNumberOfRanks) {
  const std::vector<Token> one = greedy(1, prompt, 40);
  ASSERT_EQ(one.size(), 40);
  for (const int ranks : {2, 3, 4, 5, 8}) EXPECT_EQ(greedy(ranks, prompt, 40), one) << ranks << " ranks";
}

TEST(LocalEngine, RequestsTogetherAnswerAsEachAlone) {
  std::map<std::uint64_t, Answer> together;
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, prompt, 30));
    engine.submit(request(2, {2044, 5, 6}, 20));
    engine.submit(request(3, {2044, 700, 800, 900}, 10));
    together = drain(engine);
  });
  EXPECT_EQ(together[1].tokens, greedy(2, prompt, 30));
  EXPECT_EQ(together[2].tokens, greedy(2, {2044, 5, 6}, 20));
  EXPECT_EQ(together[3].tokens, greedy(2, {2044, 700, 800, 900}, 10));
}

TEST(LocalEngine, ChunkSizeDoesNotChangeASampledToken) {
  const auto run = [&](std::int32_t chunk) {
    std::vector<Token> tokens;
    EngineOptions options = demo_options();
    options.prefill_chunk = chunk;
    with_engine(3, options, [&](Engine& engine) {
      Request sampled = request(1, prompt, 30);
      sampled.sampling = {0.8f, 42};
      engine.submit(sampled);
      tokens = drain(engine)[1].tokens;
    });
    return tokens;
  };
  EXPECT_EQ(run(2), run(512));
}

TEST(LocalEngine, NeverSamplesAnIdBeyondTheVocabularysLimit) {
  const std::vector<Token> unlimited = greedy(1, prompt, 30);
  const Token largest = *std::max_element(unlimited.begin(), unlimited.end());
  with_engine(2, demo_options(), [&](Engine& engine) {
    for (const float temperature : {0.0f, 1.5f}) {
      Request limited = request(1, prompt, 30);
      limited.vocabulary_limit = largest;
      limited.sampling.temperature = temperature;
      engine.submit(limited);
      const std::vector<Token> tokens = drain(engine)[1].tokens;
      ASSERT_EQ(tokens.size(), 30);
      EXPECT_THAT(tokens, testing::Each(testing::Lt(largest)));
    }
    Request loose = request(2, prompt, 30);
    loose.vocabulary_limit = largest + 1;
    engine.submit(loose);
    EXPECT_EQ(drain(engine)[2].tokens, unlimited) << "a limit above what is likeliest changes nothing";
  });
}

TEST(LocalEngine, ReportsStatistics) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(request(9, prompt, 5));
    const Answer answer = drain(engine)[9];
    ASSERT_TRUE(answer.done);
    const Statistics& statistics = answer.done->statistics;
    EXPECT_EQ(answer.done->reason, FinishReason::length);
    EXPECT_EQ(statistics.prompt_tokens, 7);
    EXPECT_EQ(statistics.generated_tokens, 5);
    EXPECT_GT(statistics.prompt_seconds, 0);
    EXPECT_GT(statistics.decode_seconds, 0);
    // Two all-reduces of 256 floats per layer and token; the last sampled token is not computed.
    EXPECT_EQ(statistics.reduced_bytes, 4 * 2 * 256 * sizeof(float) * (7 + 4));
  });
}

TEST(LocalEngine, RefusesARequestAndGoesOn) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, {}, 5));
    engine.submit(request(2, {3, 2048}, 5));
    engine.submit(request(3, std::vector<Token>(513, 1), 5));
    engine.submit(request(4, prompt, 5));
    std::map<std::uint64_t, Answer> answers = drain(engine);
    EXPECT_THAT(answers[1].refused, HasSubstr("empty"));
    EXPECT_THAT(answers[2].refused, HasSubstr("token 2048 is out of range"));
    EXPECT_THAT(answers[3].refused, HasSubstr("513 tokens, but the context holds 512"));
    EXPECT_EQ(answers[4].tokens.size(), 5);
  });
}

TEST(LocalEngine, FillsTheContextAndSaysSo) {
  EngineOptions options = demo_options();
  options.context = 16;
  with_engine(2, options, [&](Engine& engine) {
    EXPECT_EQ(engine.info().context, 16);
    engine.submit(request(1, prompt, 100));
    const Answer answer = drain(engine)[1];
    EXPECT_EQ(answer.done->reason, FinishReason::context_full);
    EXPECT_EQ(answer.tokens.size(), 16 - 7 + 1);
  });
}

TEST(LocalEngine, CancelEndsARequestBetweenSteps) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, prompt, 100));
    ASSERT_TRUE(std::holds_alternative<TokenEvent>(engine.next(forever).value()));
    engine.cancel(1);
    engine.cancel(77);
    const Answer answer = drain(engine)[1];
    EXPECT_EQ(answer.done->reason, FinishReason::cancelled);
    engine.submit(request(2, prompt, 3));
    EXPECT_EQ(drain(engine)[2].tokens.size(), 3)
        << "the engine goes on after a cancelled request and a sleep";
  });
}

TEST(LocalEngine, ReturnsBetweenTheStepsOfALongPromptOncePatienceIsOver) {
  EngineOptions options = demo_options();
  options.prefill_chunk = 1;
  with_engine(2, options, [&](Engine& engine) {
    engine.submit(request(1, std::vector<Token>(100, 5), 10));
    EXPECT_EQ(engine.next(std::chrono::milliseconds(0)), std::nullopt);
    engine.cancel(1);
    const Answer answer = drain(engine)[1];
    EXPECT_EQ(answer.done->reason, FinishReason::cancelled);
    EXPECT_TRUE(answer.tokens.empty());
  });
}

TEST(LocalEngine, EveryRankReportsWhatItHolds) {
  with_engine(4, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, prompt, 5));
    drain(engine);
    const std::vector<RankReport> reports = engine.reports();
    ASSERT_EQ(reports.size(), 4);
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(reports[rank].rank, rank);
      EXPECT_THAT(reports[rank].share, HasSubstr(fmt::format("heads {}-{} of 8", 2 * rank, 2 * rank + 1)));
      EXPECT_GT(reports[rank].weight_bytes, 0);
      EXPECT_GT(reports[rank].compute_seconds, 0);
      EXPECT_GT(reports[rank].exchange_seconds, 0);
      EXPECT_EQ(reports[rank].reduced_bytes, reports[0].reduced_bytes);
    }
  });
}

TEST(LocalEngine, GivesTheLogitsOfEveryPromptPosition) {
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

/// Requests of all kinds at once, and each one's tokens.
std::vector<std::vector<Token>> sampled_together(int ranks, const EngineOptions& options,
                                                 std::int32_t vocabulary) {
  std::vector<std::vector<Token>> tokens;
  with_engine(ranks, options, [&](Engine& engine) {
    std::mt19937 random(9);
    for (std::uint64_t id = 0; id < 40; ++id) {
      Request one = request(id, {}, 12);
      for (int i = 0; i < 5; ++i)
        one.prompt.push_back(static_cast<Token>(random() % static_cast<unsigned>(vocabulary)));
      one.sampling = random_sampling(random, vocabulary);
      engine.submit(one);
    }
    std::map<std::uint64_t, Answer> answers = drain(engine);
    for (std::uint64_t id = 0; id < 40; ++id) tokens.push_back(answers[id].tokens);
  });
  return tokens;
}

/// Those of the first `n` tokens that are equal, of all sequences.
double agreement(const std::vector<std::vector<Token>>& a, const std::vector<std::vector<Token>>& b) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

TEST(LocalEngine, SamplesTheSameWayOnAnyNumberOfRanks) {
  const auto one = sampled_together(1, demo_options(), 2048);
  for (const std::vector<Token>& tokens : one) EXPECT_EQ(tokens.size(), 12);
  // Sums over ranks round differently, so a draw near a border may fall on its other side.
  for (const int ranks : {2, 3, 4})
    EXPECT_GE(agreement(sampled_together(ranks, demo_options(), 2048), one), 0.9);
}

TEST(LocalEngine, SamplesWhereSomeRanksHaveNoVocabularyRows) {
  EngineOptions options;
  options.model = std::filesystem::path(YOKE_GENERATED_DATA) / "tiny" / "llama.gguf";
  const auto one = sampled_together(1, options, 320);
  for (const int ranks : {2, 3, 4, 24}) EXPECT_GE(agreement(sampled_together(ranks, options, 320), one), 0.9);
}

TEST(LocalEngine, SamplesTheSameBesideOthersInAnyChunksAndStrips) {
  const auto all = sampled_together(2, demo_options(), 2048);
  EngineOptions options = demo_options();
  options.prefill_chunk = 3;  // no more than three sequences at once
  EXPECT_EQ(sampled_together(2, options, 2048), all);
}

TEST(LocalEngine, RefusesSamplingThatCannotBe) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    Request odd = request(1, prompt, 5);
    odd.sampling.top_p = 2;
    engine.submit(odd);
    EXPECT_EQ(drain(engine)[1].refused, "top_p is 2; expected more than 0 and at most 1");
  });
}

TEST(LocalEngine, PenalisesWhatItHasWritten) {
  const std::vector<Token> plain = greedy(2, prompt, 60);
  with_engine(2, demo_options(), [&](Engine& engine) {
    Request penalised = request(1, prompt, 60);
    penalised.sampling.presence_penalty = 1e9f;
    penalised.sampling.penalty_window = 0;
    engine.submit(penalised);
    std::vector<Token> tokens = drain(engine)[1].tokens;
    tokens.insert(tokens.end(), prompt.begin(), prompt.end());
    std::sort(tokens.begin(), tokens.end());
    EXPECT_EQ(std::adjacent_find(tokens.begin(), tokens.end()), tokens.end()) << "no token comes twice";
  });
  EXPECT_LT(std::set<Token>(plain.begin(), plain.end()).size(), plain.size());
}

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

TEST(LocalEngine, GivesTheLogProbabilitiesOfAPromptsTokens) {
  const std::vector<Token> tokens = long_prompt(150);
  for (const int ranks : {1, 2, 3, 4}) {
    for (const std::int32_t chunk : {512, 40, 1}) {
      EngineOptions options = demo_options();
      options.prefill_chunk = chunk;
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

TEST(LocalEngine, AReportOfOneTokenHasNoLogProbabilities) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(report(1, {5}, PromptReport::log_probabilities));
    const Answer answer = drain(engine)[1];
    EXPECT_TRUE(answer.log_probabilities.empty());
    EXPECT_EQ(answer.done->reason, FinishReason::length);
  });
}

TEST(LocalEngine, HandsOutALongPromptsLogitsAStripAtATimeAndCanBeStoppedBetween) {
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

TEST(LocalEngine, ARequestMayTakeTheNumberOfOneThatWasCancelledBetweenStrips) {
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

TEST(LocalEngine, SaysSoWhenTheWeightsAreDamagedWhateverIsAskedAndReleasesItsFollowers) {
  const model::EditedModel damaged([](model::Draft& draft) {
    draft.tensor("output_norm.weight").type = quant::Type::f32;
    draft.data["output_norm.weight"].assign(128, std::numeric_limits<float>::quiet_NaN());
  });
  EngineOptions options;
  options.model = damaged.path();
  Request sampled = request(1, {5, 6, 7}, 3);
  sampled.sampling = {.temperature = 1, .top_p = 0.5f};
  for (const Request& asked :
       {request(1, {5, 6, 7}, 3), sampled, report(1, {5, 6, 7}, PromptReport::log_probabilities)}) {
    for (const int ranks : {1, 3}) {
      const std::string sentence = model::error_of([&] {
        with_engine(ranks, options, [&](Engine& engine) {
          engine.submit(asked);
          engine.next(forever);
        });
      });
      EXPECT_THAT(sentence,
                  testing::MatchesRegex("the model's logits at position [02] are not all finite; its "
                                        "weights are damaged"));
    }
  }
}

TEST(LocalEngine, RefusesAModelThatIsNotThere) {
  EngineOptions options;
  options.model = "no/such/model.gguf";
  EXPECT_THROW(with_engine(2, options, [](Engine&) {}), Error);
}

TEST(LocalEngine, RefusesAContextBeyondTheModels) {
  EngineOptions options = demo_options();
  options.context = 513;
  EXPECT_THROW(with_engine(1, options, [](Engine&) {}), Error);
}

}  // namespace
}  // namespace yoke::runtime
