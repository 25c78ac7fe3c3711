#include "runtime/strip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "comm/threads.h"
#include "runtime/reference_sampler.h"

namespace yoke::runtime {
namespace {

using model::Want;
using model::WantedRow;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// Rows of a whole vocabulary, and who asks for what of them.
struct Rows {
  std::vector<std::vector<float>> logits;
  std::vector<WantedRow> wanted;
  std::vector<Sampling> samplings;
  std::vector<std::map<Token, std::int32_t>> recent;
  std::int64_t vocabulary() const { return std::ssize(logits.at(0)); }
};

void add_drawn(Rows& rows, std::vector<float> logits, const Sampling& sampling, std::int32_t limit,
               const std::map<Token, std::int32_t>& recent = {}) {
  WantedRow row;
  row.want = Want::candidates;
  for (const TokenBias& bias : sampling.bias) row.bias.push_back({bias.token, bias.bias});
  for (const auto& [token, count] : recent) row.recent.push_back({token, count});
  row.repetition_penalty = sampling.repetition_penalty;
  row.presence_penalty = sampling.presence_penalty;
  row.frequency_penalty = sampling.frequency_penalty;
  row.temperature = sampling.temperature;
  row.vocabulary_limit = limit;
  row.candidates = candidates_worth_gathering(sampling);
  row.sums = needs_sums(sampling);
  rows.logits.push_back(std::move(logits));
  rows.wanted.push_back(std::move(row));
  rows.samplings.push_back(sampling);
  rows.recent.push_back(recent);
}

/// Runs body(strip, comm) on every rank. Rank r has columns [borders[r], borders[r + 1]).
void on_ranks(const Rows& rows, const std::vector<std::int64_t>& borders, int threads,
              const std::function<void(const Strip&, comm::Comm&)>& body) {
  std::vector<model::Range> ranges;
  for (std::size_t r = 0; r + 1 < borders.size(); ++r) ranges.push_back({borders[r], borders[r + 1]});
  comm::run_ranks(static_cast<int>(ranges.size()), [&](comm::Comm& comm) {
    const model::Range mine = ranges[static_cast<std::size_t>(comm.rank())];
    std::vector<float> local;
    for (const std::vector<float>& row : rows.logits)
      local.insert(local.end(), row.begin() + mine.begin, row.begin() + mine.end);
    ThreadPool pool(threads);
    const StripTools tools{comm, pool, kernels::best(), ranges};
    const Strip strip(tools, rows.wanted, {local.data(), std::ssize(rows.logits), mine.size()});
    body(strip, comm);
  });
}

std::vector<std::int64_t> random_borders(int ranks, std::int64_t vocabulary, std::mt19937& random) {
  std::vector<std::int64_t> borders{0, vocabulary};
  for (int i = 1; i < ranks; ++i) borders.push_back(static_cast<std::int64_t>(random()) % (vocabulary + 1));
  if (ranks > 2 && random() % 2 == 0) borders[2] = borders[3 % borders.size()];  // a rank that has nothing
  std::sort(borders.begin(), borders.end());
  return borders;
}

struct Drawn {
  std::vector<Token> tokens;
  int from_whole = 0;
};

/// As an engine draws: from the candidates, and where they do not tell from the whole rows.
Drawn draw(const Rows& rows, const std::vector<std::int64_t>& borders, std::int32_t position,
           int threads = 1) {
  Drawn drawn;
  on_ranks(rows, borders, threads, [&](const Strip& strip, comm::Comm& comm) {
    std::vector<Token> tokens(rows.wanted.size(), -1);
    std::vector<std::int32_t> undecided;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      ASSERT_TRUE(strip.finite(i));
      const Sums sums = rows.wanted[i].sums ? strip.sums(i) : Sums{};
      const auto token = choose(kernels::best(), strip.ranking(i), sums, rows.samplings[i], position);
      token ? void(tokens[i] = *token) : undecided.push_back(static_cast<std::int32_t>(i));
    }
    const std::vector<std::vector<float>> whole = strip.whole(undecided);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const auto row = static_cast<std::size_t>(undecided[i]);
      tokens[row] = choose_from_whole(kernels::best(), whole[i], rows.samplings[row], position);
    }
    if (comm.rank() == 0) drawn = {tokens, static_cast<int>(undecided.size())};
  });
  return drawn;
}

std::map<Token, std::int32_t> random_recent(std::mt19937& random, std::int32_t vocabulary) {
  std::map<Token, std::int32_t> recent;
  for (int i = 0; i < 20; ++i) ++recent[static_cast<Token>(random() % static_cast<unsigned>(vocabulary))];
  return recent;
}

TEST(Strip, DrawsTheTokenOfTheDefinitionHoweverTheVocabularyIsSplit) {
  std::mt19937 random(3);
  int close = 0;
  int from_whole = 0;
  constexpr int trials = 60;
  constexpr int n = 10;
  for (int trial = 0; trial < trials; ++trial) {
    const std::int32_t vocabulary = trial % 2 == 0 ? 320 : 5000;
    Rows rows;
    std::vector<ReferenceToken> expected;
    for (int i = 0; i < n; ++i) {
      const Sampling sampling = random_sampling(random, vocabulary);
      const std::map<Token, std::int32_t> recent = random_recent(random, vocabulary);
      const std::int32_t limit = i % 3 == 0 ? vocabulary - 7 : vocabulary;
      const std::vector<float> logits = random_row(vocabulary, i % 3 == 0 ? 0.1f : 3, random);
      add_drawn(rows, logits, sampling, limit, recent);
      std::vector<float> processed = reference_logits(logits, sampling, recent);
      processed.resize(static_cast<std::size_t>(limit));
      expected.push_back(ReferenceSampler(processed, sampling).sample(trial));
      close += expected.back().close ? 1 : 0;
    }
    const Drawn one = draw(rows, {0, vocabulary}, trial);
    for (int i = 0; i < n; ++i) {
      if (!expected[i].close) {
        EXPECT_EQ(one.tokens[i], expected[i].token) << "trial " << trial << ", row " << i;
      }
    }
    from_whole += one.from_whole;
    for (const int ranks : {1, 2, 3, 4, 7}) {
      const Drawn split = draw(rows, random_borders(ranks, vocabulary, random), trial, 1 + trial % 3);
      EXPECT_EQ(split.tokens, one.tokens) << ranks << " ranks, trial " << trial;
    }
  }
  EXPECT_LT(close, trials * n / 20);
  EXPECT_GT(from_whole, trials / 2) << "the way through whole rows was hardly taken";
}

TEST(Strip, TellsWhenCandidatesCannotDecideAndStillDrawsTheSame) {
  constexpr std::int32_t vocabulary = 128'256;
  std::mt19937 random(4);
  const std::vector<float> flat = random_row(vocabulary, 0.01f, random);
  Rows rows;
  for (const Sampling& sampling :
       {Sampling{.temperature = 1, .top_p = 0.999f}, Sampling{.temperature = 1},
        Sampling{.temperature = 1, .min_p = 0.5f}, Sampling{.temperature = 1, .typical_p = 0.9f},
        Sampling{.temperature = 1, .top_k = 20'000}}) {
    add_drawn(rows, flat, sampling, vocabulary);
  }
  const Drawn one = draw(rows, {0, vocabulary}, 1);
  EXPECT_EQ(one.from_whole, 5);
  EXPECT_EQ(draw(rows, {0, 40'000, 40'000, 90'000, vocabulary}, 1, 2).tokens, one.tokens);
  EXPECT_GT(std::set<Token>(one.tokens.begin(), one.tokens.end()).size(), 1);
}

TEST(Strip, GreedyTakesTheLowestOfEqualsAcrossRanks) {
  Rows rows;
  std::vector<float> logits(100, -1);
  logits[30] = logits[60] = logits[90] = 5;
  add_drawn(rows, logits, {}, 100);
  add_drawn(rows, logits, {.bias = {{30, -infinity}}}, 100);
  for (const std::vector<std::int64_t>& borders :
       {std::vector<std::int64_t>{0, 100}, {0, 50, 100}, {0, 31, 61, 100}, {0, 0, 30, 90, 100}}) {
    EXPECT_THAT(draw(rows, borders, 0).tokens, testing::ElementsAre(30, 60));
  }
}

TEST(Strip, AForbiddenTokenOrOneBeyondTheLimitIsNeverDrawn) {
  Rows rows;
  std::vector<float> logits(64, 0);
  logits[50] = 100;
  std::vector<TokenBias> all_but_three;
  for (Token token = 0; token < 64; ++token) {
    if (token != 3 && token != 50) all_but_three.push_back({token, -infinity});
  }
  for (int i = 0; i < 8; ++i) {
    add_drawn(rows, logits, {.temperature = i % 2 == 0 ? 0.0f : 3.0f, .seed = 7, .bias = all_but_three}, 50);
  }
  EXPECT_THAT(draw(rows, {0, 16, 16, 48, 64}, 0).tokens, testing::Each(3));
}

TEST(Strip, GivesLogProbabilitiesAndWholeRowsBesideCandidates) {
  std::mt19937 random(5);
  constexpr std::int32_t vocabulary = 700;
  Rows rows;
  for (int i = 0; i < 30; ++i) {
    const std::vector<float> logits = random_row(vocabulary, 3, random);
    add_drawn(rows, logits, {.temperature = 1}, vocabulary);
    if (i % 3 == 1) rows.wanted.back() = {.target = i * 23, .want = Want::log_probability};
    if (i % 3 == 2) rows.wanted.back() = {.want = Want::logits};
  }
  for (const int ranks : {1, 2, 3, 4}) {
    on_ranks(rows, random_borders(ranks, vocabulary, random), 2, [&](const Strip& strip, comm::Comm&) {
      for (std::size_t i = 0; i < rows.logits.size(); ++i) {
        const std::vector<float>& row = rows.logits[i];
        if (i % 3 == 0) {
          EXPECT_EQ(strip.ranking(i).candidates.at(0), ranked(row, 0).at(0));
        }
        if (i % 3 == 2) {
          EXPECT_EQ(strip.logits(i), row);
        }
        if (i % 3 != 1) continue;
        double sum = 0;
        for (const float logit : row) sum += std::exp(static_cast<double>(logit));
        const double expected = static_cast<double>(row[i * 23]) - std::log(sum);
        EXPECT_NEAR(strip.log_probabilities().of_target(i), expected, 1e-6);
      }
    });
  }
}

TEST(Strip, SaysWhichRowsAreDamagedAndAnswersForTheOthers) {
  for (const float damage : {nan, infinity, -infinity}) {
    Rows rows;
    const std::vector<float> sound(40, 1);
    std::vector<float> damaged = sound;
    damaged[25] = damage;
    for (const std::vector<float>* row : {&sound, &static_cast<const std::vector<float>&>(damaged)}) {
      add_drawn(rows, *row, {.temperature = 1, .top_p = 0.5f}, 40);
      add_drawn(rows, *row, {}, 20);
      add_drawn(rows, *row, {}, 40);
      rows.wanted.back() = {.target = 3, .want = Want::log_probability};
    }
    on_ranks(rows, {0, 10, 30, 40}, 1, [&](const Strip& strip, comm::Comm&) {
      EXPECT_TRUE(strip.finite(0));
      EXPECT_TRUE(strip.finite(1));
      EXPECT_FALSE(strip.finite(3));
      EXPECT_TRUE(strip.finite(4)) << "the damage lies beyond the limit";
      EXPECT_NEAR(strip.log_probabilities().of_target(2), -std::log(40), 1e-6);
      EXPECT_FALSE(std::isfinite(strip.log_probabilities().of_target(5)));
      EXPECT_EQ(strip.sums(0).odds, 40 * full_odds);
    });
  }
}

TEST(Strip, GivesNoRowWholeThatIsNotThereOrWantsSomethingElse) {
  Rows rows;
  add_drawn(rows, std::vector<float>(10, 1), {}, 10);
  add_drawn(rows, std::vector<float>(10, 1), {}, 10);
  rows.wanted.back() = {.want = Want::logits};
  on_ranks(rows, {0, 10}, 1, [](const Strip& strip, comm::Comm&) {
    for (const std::int32_t row : {-1, 1, 2}) EXPECT_THROW(strip.whole(std::vector{row}), Error);
    EXPECT_EQ(strip.whole(std::vector{0}).at(0).size(), 10);
  });
}

}  // namespace
}  // namespace yoke::runtime
