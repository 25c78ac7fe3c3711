#include "runtime/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace yoke::runtime {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<Candidate> sorted(const std::vector<float>& logits, Token first, std::size_t n) {
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != -infinity) all.push_back({first + static_cast<Token>(i), logits[i]});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  all.resize(std::min(all.size(), n));
  return all;
}

/// Of every size and kind: smooth, with many equals, sorted either way, mostly forbidden.
std::vector<std::vector<float>> many_rows() {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> rows;
  for (const std::size_t size : {0, 1, 15, 16, 255, 256, 257, 1000, 30'000}) {
    for (int kind = 0; kind < 6; ++kind) {
      std::vector<float> row(size);
      for (float& logit : row) {
        logit = kind == 1 ? static_cast<float>(random() % 3) : 10 * normal(random);
        if (kind == 4 && random() % 50 != 0) logit = -infinity;
        if (kind == 5) logit = random() % 2 == 0 ? 0.0f : -0.0f;
      }
      if (kind == 2) std::sort(row.begin(), row.end());
      if (kind == 3) std::sort(row.begin(), row.end(), std::greater<>());
      rows.push_back(row);
    }
  }
  return rows;
}

TEST(Best, AreTheFirstOfTheSortedRow) {
  for (const std::vector<float>& row : many_rows()) {
    for (const std::size_t n : {0, 1, 2, 63, 256, 1024}) {
      ASSERT_EQ(best(row, 7, n), sorted(row, 7, n)) << n << " of " << row.size();
    }
  }
}

TEST(Ranked, IsTheSortedRow) {
  for (const std::vector<float>& row : many_rows()) ASSERT_EQ(ranked(row, 7), sorted(row, 7, row.size()));
  constexpr float most = std::numeric_limits<float>::max();
  constexpr float least = std::numeric_limits<float>::denorm_min();
  const std::vector<float> extremes = {-least, most, 0, -most, least, -1, 1, -infinity};
  EXPECT_EQ(ranked(extremes, 0), sorted(extremes, 0, 8));
}

TEST(Merge, KnowsTheOrderUpToTheFirstShareThatHasMore) {
  const Ranking ranking = merge(std::vector<Ranking>{
      {{{5, 9}, {1, 7}, {2, 3}}, false}, {{{11, 8}, {12, 5}, {10, 4}}, false}, {{{20, 7}, {21, 1}}, true}});
  EXPECT_FALSE(ranking.complete);
  EXPECT_THAT(ranking.candidates, testing::ElementsAre(Candidate{5, 9}, Candidate{11, 8}, Candidate{1, 7},
                                                       Candidate{20, 7}, Candidate{12, 5}, Candidate{10, 4}));
}

TEST(Merge, IsCompleteWhereAllSharesAre) {
  const Ranking ranking = merge(std::vector<Ranking>{{{{5, 9}}, true}, {{}, true}, {{{7, 10}}, true}});
  EXPECT_TRUE(ranking.complete);
  EXPECT_THAT(ranking.candidates, testing::ElementsAre(Candidate{7, 10}, Candidate{5, 9}));
}

TEST(Merge, OfSharesOfARowIsItsBeginning) {
  std::mt19937 random(3);
  for (const std::vector<float>& row : many_rows()) {
    std::vector<Ranking> shares;
    for (std::size_t begin = 0; begin < row.size();) {
      const std::size_t end = std::min(row.size(), begin + 1 + random() % (row.size() / 2 + 1));
      const std::vector<float> part(row.begin() + static_cast<std::ptrdiff_t>(begin),
                                    row.begin() + static_cast<std::ptrdiff_t>(end));
      const std::vector<Candidate> all = sorted(part, static_cast<Token>(begin), part.size());
      const std::vector<Candidate> some = sorted(part, static_cast<Token>(begin), 40);
      shares.push_back({some, some.size() == all.size()});
      begin = end;
    }
    const Ranking ranking = merge(shares);
    const std::vector<Candidate> whole = sorted(row, 0, row.size());
    ASSERT_LE(ranking.candidates.size(), whole.size());
    EXPECT_TRUE(std::equal(ranking.candidates.begin(), ranking.candidates.end(), whole.begin()));
    EXPECT_TRUE(ranking.candidates.size() >= std::min<std::size_t>(40, whole.size()));
    EXPECT_TRUE(!ranking.complete || ranking.candidates.size() == whole.size());
  }
}

}  // namespace
}  // namespace yoke::runtime
