#include "runtime/log_probabilities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "comm/threads.h"
#include "runtime/logit_processor.h"

namespace yoke::runtime {
namespace {

using model::Want;
using model::WantedRow;

using Rows = std::vector<std::vector<float>>;

/// Runs body on every rank of as many as the borders make; rank r has columns [borders[r], borders[r + 1]).
void on_ranks(const Rows& rows, const std::vector<WantedRow>& wanted,
              const std::vector<std::int64_t>& borders,
              const std::function<void(const LogProbabilities&)>& body) {
  std::vector<model::Range> ranges;
  for (std::size_t r = 0; r + 1 < borders.size(); ++r) ranges.push_back({borders[r], borders[r + 1]});
  comm::run_ranks(static_cast<int>(ranges.size()), [&](comm::Comm& comm) {
    const model::Range mine = ranges[static_cast<std::size_t>(comm.rank())];
    std::vector<float> local;
    for (const std::vector<float>& row : rows)
      local.insert(local.end(), row.begin() + mine.begin, row.begin() + mine.end);
    ThreadPool pool(1 + comm.rank() % 3);
    const StripTools tools{comm, pool, kernels::best(), ranges};
    body(LogProbabilities(tools, wanted, {local.data(), std::ssize(rows), mine.size()}));
  });
}

/// Ways to split a vocabulary of 1000; some ranks have nothing.
const std::vector<std::vector<std::int64_t>> splits = {
    {0, 1000}, {0, 500, 1000}, {0, 1, 999, 1000}, {0, 0, 300, 700, 1000}, {0, 100, 100, 200, 400, 600, 1000}};

std::vector<float> random_row(float spread, std::mt19937& random) {
  std::normal_distribution<float> normal(-3, spread);
  std::vector<float> row(1000);
  for (float& logit : row) logit = normal(random);
  return row;
}

double reference(const std::vector<float>& row, Token token) {
  double sum = 0;
  for (const float logit : row) sum += std::exp(static_cast<double>(logit));
  return static_cast<double>(row.at(static_cast<std::size_t>(token))) - std::log(sum);
}

TEST(LogProbabilities, OfTargetsAreThoseOfTheDefinitionAndTheSameBitsHoweverTheVocabularyIsSplit) {
  std::mt19937 random(6);
  Rows rows;
  std::vector<WantedRow> wanted;
  for (int i = 0; i < 9; ++i) {
    rows.push_back(random_row(i % 2 == 0 ? 0.1f : 5, random));
    wanted.push_back({.target = i * 120, .want = Want::log_probability});
    if (i == 4) wanted.back() = {.want = Want::logits};
  }
  std::vector<double> first(rows.size());
  for (const std::vector<std::int64_t>& borders : splits) {
    on_ranks(rows, wanted, borders, [&](const LogProbabilities& told) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i == 4) continue;
        const double expected = reference(rows[i], wanted[i].target);
        EXPECT_NEAR(told.of_target(i), expected, 1e-7 * (1 + std::abs(expected)));
        if (borders.size() == 2) first[i] = told.of_target(i);
        EXPECT_EQ(told.of_target(i), first[i]) << borders.size() - 1 << " ranks";
      }
    });
  }
}

/// A row that wants candidates, with so many of the likeliest told.
WantedRow drawn(std::int32_t likeliest, std::int32_t limit = 1000) {
  return {
      .want = Want::candidates, .vocabulary_limit = limit, .candidates = 1, .log_probabilities = likeliest};
}

std::vector<Token> tokens_of(const std::vector<TokenLogProbability>& told) {
  std::vector<Token> tokens;
  for (const TokenLogProbability& each : told) tokens.push_back(each.token);
  return tokens;
}

TEST(LogProbabilities, OfDrawnTokensAreThoseBeforeBiasAndPenalties) {
  std::mt19937 random(7);
  const Rows rows = {random_row(2, random)};
  WantedRow row = drawn(0);
  row.bias = {{17, 5}, {999, -2}};
  row.recent = {{0, 1}, {17, 2}, {650, 3}};
  row.repetition_penalty = 1.5f;
  row.presence_penalty = -4;
  std::vector<float> changed = rows[0];
  adjust(changed, 0, row);
  for (const std::vector<std::int64_t>& borders : splits) {
    on_ranks(rows, {row}, borders, [&](const LogProbabilities& told) {
      for (const Token token : {0, 1, 17, 499, 500, 650, 998, 999}) {
        const double expected = reference(rows[0], token);
        EXPECT_NEAR(told.of_drawn(0, {token, changed[static_cast<std::size_t>(token)]}), expected,
                    1e-7 * std::abs(expected))
            << token;
      }
      EXPECT_TRUE(told.likeliest(0).empty());
    });
  }
}

TEST(LogProbabilities, TheLikeliestDescendAndOfEqualsTheLowestIdComesFirst) {
  Rows rows(1, std::vector<float>(1000, -1));
  rows[0][999] = 4;
  for (const std::size_t token : {0, 99, 100, 399, 699}) rows[0][token] = 3;
  rows[0][500] = 2;
  for (const std::vector<std::int64_t>& borders : splits) {
    on_ranks(rows, {drawn(9)}, borders, [&](const LogProbabilities& told) {
      const std::vector<TokenLogProbability> likeliest = told.likeliest(0);
      EXPECT_EQ(tokens_of(likeliest), (std::vector<Token>{999, 0, 99, 100, 399, 699, 500, 1, 2}));
      for (const TokenLogProbability& each : likeliest)
        EXPECT_FLOAT_EQ(each.value, static_cast<float>(reference(rows[0], each.token)));
    });
  }
}

TEST(LogProbabilities, TheLikeliestAreBelowTheLimitButTheirProbabilitiesAreOverTheWholeVocabulary) {
  Rows rows(1, std::vector<float>(1000, -1));
  rows[0][5] = 2;
  rows[0][600] = 9;  // beyond the limit
  for (const std::vector<std::int64_t>& borders : splits) {
    on_ranks(rows, {drawn(2, 600)}, borders, [&](const LogProbabilities& told) {
      EXPECT_EQ(tokens_of(told.likeliest(0)), (std::vector<Token>{5, 0}));
      EXPECT_FLOAT_EQ(told.likeliest(0)[0].value, static_cast<float>(reference(rows[0], 5)));
    });
    on_ranks(rows, {drawn(20, 3)}, borders, [&](const LogProbabilities& told) {
      EXPECT_EQ(tokens_of(told.likeliest(0)), (std::vector<Token>{0, 1, 2})) << "there are no more";
    });
  }
}

TEST(LogProbabilities, EveryRankKnowsOfARowThatIsNotFiniteAnywhere) {
  for (const float damage : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()}) {
    Rows rows(3, std::vector<float>(1000, 1));
    rows[1][650] = rows[2][650] = damage;
    std::vector<WantedRow> wanted(2, {.target = 3, .want = Want::log_probability});
    wanted.push_back(drawn(5, 600));
    for (const std::vector<std::int64_t>& borders : splits) {
      on_ranks(rows, wanted, borders, [](const LogProbabilities& told) {
        EXPECT_TRUE(told.finite(0));
        EXPECT_NEAR(told.of_target(0), -std::log(1000), 1e-6);
        EXPECT_FALSE(told.finite(1));
        EXPECT_TRUE(std::isnan(told.of_target(1)));
        EXPECT_FALSE(told.finite(2)) << "beyond the limit";
      });
    }
  }
}

}  // namespace
}  // namespace yoke::runtime
