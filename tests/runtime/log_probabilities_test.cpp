#include "runtime/log_probabilities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "comm/threads.h"

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

TEST(LogProbabilities, EveryRankKnowsOfARowThatIsNotFiniteAnywhere) {
  for (const float damage : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()}) {
    Rows rows(2, std::vector<float>(1000, 1));
    rows[1][650] = damage;
    const std::vector<WantedRow> wanted(2, {.target = 3, .want = Want::log_probability});
    for (const std::vector<std::int64_t>& borders : splits) {
      on_ranks(rows, wanted, borders, [](const LogProbabilities& told) {
        EXPECT_TRUE(told.finite(0));
        EXPECT_NEAR(told.of_target(0), -std::log(1000), 1e-6);
        EXPECT_FALSE(told.finite(1));
        EXPECT_TRUE(std::isnan(told.of_target(1)));
      });
    }
  }
}

}  // namespace
}  // namespace yoke::runtime
