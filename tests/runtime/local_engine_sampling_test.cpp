#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "runtime/local_engine.h"
#include "runtime/reference_sampler.h"
#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

/// Requests of all kinds at once, and each one's tokens.
std::vector<std::vector<Token>> sampled_together(int ranks, const RankOptions& options,
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

/// The share of sequences, 0 to 1, that are equal.
double agreement(const std::vector<std::vector<Token>>& a, const std::vector<std::vector<Token>>& b) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

TEST(LocalEngineSampling, SamplesTheSameWayOnAnyNumberOfRanks) {
  // Sums over ranks round differently, so a draw near a border may fall on its other side. Activations that
  // are rounded to bytes would make of that a step of a byte now and then.
  RankOptions options = demo_options();
  options.engine.activations = kernels::ActivationType::f32;
  const auto one = sampled_together(1, options, 2048);
  for (const std::vector<Token>& tokens : one) EXPECT_EQ(tokens.size(), 12);
  for (const int ranks : {2, 3, 4}) EXPECT_GE(agreement(sampled_together(ranks, options, 2048), one), 0.9);
}

TEST(LocalEngineSampling, SamplesWhereSomeRanksHaveNoVocabularyRows) {
  RankOptions options;
  options.host.model = std::filesystem::path(YOKE_GENERATED_DATA) / "tiny" / "llama.gguf";
  const auto one = sampled_together(1, options, 320);
  for (const int ranks : {2, 3, 4, 24}) EXPECT_GE(agreement(sampled_together(ranks, options, 320), one), 0.9);
}

TEST(LocalEngineSampling, SamplesTheSameBesideOthersInAnyChunksAndStrips) {
  const auto all = sampled_together(2, demo_options(), 2048);
  RankOptions options = demo_options();
  options.engine.prefill_chunk = 3;  // no more than three sequences at once
  EXPECT_EQ(sampled_together(2, options, 2048), all);
}

TEST(LocalEngineSampling, RefusesSamplingThatCannotBe) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    Request odd = request(1, prompt, 5);
    odd.sampling.top_p = 2;
    engine.submit(odd);
    EXPECT_EQ(drain(engine)[1].refused, "top_p is 2; expected more than 0 and at most 1");
  });
}

TEST(LocalEngineSampling, PenalisesWhatItHasWritten) {
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

TEST(LocalEngineSampling, ChunkSizeDoesNotChangeASampledToken) {
  const auto run = [&](std::int32_t chunk) {
    std::vector<Token> tokens;
    RankOptions options = demo_options();
    options.engine.prefill_chunk = chunk;
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

TEST(LocalEngineSampling, NeverSamplesAnIdBeyondTheVocabularysLimit) {
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

}  // namespace
}  // namespace yoke::runtime
