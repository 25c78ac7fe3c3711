#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>

#include "runtime/local_engine.h"
#include "runtime/reference_sampler.h"
#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

constexpr std::int32_t vocabulary = 2048;  // of the demo model
constexpr std::size_t tokens_each = 12;

Request telling(std::uint64_t id, std::int32_t likeliest, const Sampling& sampling) {
  Request asked = request(id, prompt, static_cast<std::int32_t>(tokens_each));
  asked.prompt.push_back(static_cast<Token>(id));
  asked.sampling = sampling;
  asked.log_probabilities = likeliest;
  return asked;
}

/// Requests of all kinds: greedy, drawn, biased and penalised, some so flat that whole rows must decide.
std::vector<Request> all_kinds() {
  std::mt19937 random(21);
  std::vector<Request> requests;
  for (std::uint64_t id = 1; id <= 12; ++id)
    requests.push_back(
        telling(id, static_cast<std::int32_t>(id % 4) * 5, random_sampling(random, vocabulary)));
  requests[0].sampling = {};
  requests[1].sampling = {.temperature = 5, .seed = 3, .repetition_penalty = 1.3f, .penalty_window = 0};
  return requests;
}

/// The text that a request was answered, as a prompt that is reported on from its first generated token on.
Request as_prompt(const Request& asked, const Answer& answer, PromptReport report) {
  Request again = request(asked.id, asked.prompt, 0);
  again.prompt.insert(again.prompt.end(), answer.tokens.begin(), answer.tokens.end());
  again.report = report;
  return again;
}

/// ln p of every id, by the definition and in double precision.
std::vector<double> log_softmax(std::span<const float> logits) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  std::vector<double> values;
  for (const float logit : logits) values.push_back(static_cast<double>(logit) - std::log(sum));
  return values;
}

/// That what was told of a token is what this row of logits says.
void expect_told(const TokenEvent& event, std::span<const float> logits, std::size_t likeliest) {
  const std::vector<double> expected = log_softmax(logits);
  const auto near = [&](Token token, float value) {
    const double right = expected[static_cast<std::size_t>(token)];
    EXPECT_NEAR(value, right, 4e-7 * (1 + std::abs(right)));
  };
  near(event.token, event.log_probability);
  ASSERT_EQ(event.likeliest.size(), likeliest);
  const std::vector<Candidate> order = ranked(logits, 0);
  for (std::size_t i = 0; i < likeliest; ++i) {
    EXPECT_EQ(event.likeliest[i].token, order[i].token);
    near(event.likeliest[i].token, event.likeliest[i].value);
  }
}

TEST(LocalEngineLogProbabilities, AreThoseOfTheWholeRowsOnAnyNumberOfRanks) {
  for (const int ranks : {1, 2, 3, 4}) {
    with_engine(ranks, demo_options(), [&](Engine& engine) {
      const std::vector<Request> requests = all_kinds();
      for (const Request& asked : requests) engine.submit(asked);
      std::map<std::uint64_t, Answer> answers = drain(engine);
      for (const Request& asked : requests) {
        const Answer& answer = answers[asked.id];
        ASSERT_EQ(answer.told.size(), tokens_each);
        engine.submit(as_prompt(asked, answer, PromptReport::logits));
        const std::vector<float> logits = drain(engine)[asked.id].logits;
        for (std::size_t i = 0; i < tokens_each; ++i) {
          const std::size_t row = asked.prompt.size() - 1 + i;
          expect_told(answer.told[i], std::span(logits).subspan(row * vocabulary, vocabulary),
                      static_cast<std::size_t>(asked.log_probabilities));
        }
      }
    });
  }
}

TEST(LocalEngineLogProbabilities, HaveTheBitsOfAReportOnTheTextAsAPrompt) {
  with_engine(3, demo_options(), [&](Engine& engine) {
    for (const Request& asked : all_kinds()) {
      engine.submit(asked);
      const Answer answer = drain(engine)[asked.id];
      engine.submit(as_prompt(asked, answer, PromptReport::log_probabilities));
      const std::vector<float> reported = drain(engine)[asked.id].log_probabilities;
      for (std::size_t i = 0; i < tokens_each; ++i)
        EXPECT_EQ(answer.told[i].log_probability, reported[asked.prompt.size() - 1 + i]);
    }
  });
}

TEST(LocalEngineLogProbabilities, DoNotDependOnOthersAndChangeNoToken) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    const std::vector<Request> requests = all_kinds();
    for (const Request& asked : requests) engine.submit(asked);
    const std::map<std::uint64_t, Answer> together = drain(engine);
    for (Request asked : requests) {
      engine.submit(asked);
      const Answer alone = drain(engine)[asked.id];
      for (std::size_t i = 0; i < tokens_each; ++i) {
        const TokenEvent& one = together.at(asked.id).told[i];
        EXPECT_EQ(one.token, alone.tokens[i]);
        EXPECT_EQ(one.log_probability, alone.told[i].log_probability);
        for (std::size_t k = 0; k < one.likeliest.size(); ++k) {
          EXPECT_EQ(one.likeliest[k].token, alone.told[i].likeliest.at(k).token);
          EXPECT_EQ(one.likeliest[k].value, alone.told[i].likeliest.at(k).value);
        }
      }
      asked.log_probabilities = -1;
      engine.submit(asked);
      const Answer silent = drain(engine)[asked.id];
      EXPECT_EQ(silent.tokens, alone.tokens);
      EXPECT_TRUE(silent.told[0].likeliest.empty());
    }
  });
}

TEST(LocalEngineLogProbabilities, ListNoIdBeyondTheVocabularysLimit) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    Request asked = telling(1, most_log_probabilities, {});
    engine.submit(asked);
    const TokenEvent all = drain(engine)[1].told.at(0);
    asked.vocabulary_limit = all.token;  // without the likeliest
    engine.submit(asked);
    const TokenEvent limited = drain(engine)[1].told.at(0);
    ASSERT_EQ(limited.likeliest.size(), 20);
    for (const TokenLogProbability& each : limited.likeliest) EXPECT_LT(each.token, asked.vocabulary_limit);
    EXPECT_EQ(limited.likeliest[0].token, limited.token);
    const auto same = std::find_if(all.likeliest.begin(), all.likeliest.end(),
                                   [&](const auto& each) { return each.token == limited.token; });
    ASSERT_NE(same, all.likeliest.end());
    EXPECT_EQ(same->value, limited.log_probability) << "the ids beyond it count all the same";
  });
}

TEST(LocalEngineLogProbabilities, OfMoreAlternativesAreRefused) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(telling(1, most_log_probabilities + 1, {}));
    EXPECT_EQ(drain(engine)[1].refused,
              "the log-probabilities of 21 alternatives were asked for with each token; expected 0 to 20, or "
              "-1 for none at all");
  });
}

}  // namespace
}  // namespace yoke::runtime
