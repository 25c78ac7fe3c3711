#include "comm/algorithm_sweep.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "comm/threads.h"

namespace yoke::comm {
namespace {

using Model = std::function<double(Algorithm, double bytes)>;  // seconds of a sum

struct Swept {
  AlgorithmChoice choice;
  double seconds = 0;
  std::map<std::pair<Algorithm, std::uint64_t>, int> trials;
};

Swept sweep(int ranks, const Model& model) {
  AlgorithmSweep sweep(ranks);
  Swept swept;
  while (const auto trial = sweep.next()) {
    const double seconds = trial->sums * model(trial->algorithm, static_cast<double>(trial->bytes));
    sweep.record(seconds);
    swept.seconds += seconds;
    ++swept.trials[{trial->algorithm, trial->bytes}];
  }
  swept.choice = sweep.choice();
  return swept;
}

/// So many latencies, and so many times the vector through a port of a gigabit a second.
double time_of(Algorithm algorithm, double bytes, int ranks) {
  constexpr double latency = 60e-6, bytes_per_second = 117e6;
  const double others = ranks - 1;
  switch (algorithm) {
    case Algorithm::direct:
      return latency * (1 + 0.2 * others) + others * bytes / bytes_per_second;
    case Algorithm::pieces:
      return 2 * latency * (1 + 0.2 * others) + 2 * others / ranks * bytes / bytes_per_second;
    case Algorithm::doubling:
      break;
  }
  return latency * 2.4 + others * bytes / bytes_per_second;
}

TEST(AlgorithmSweep, TakesTheFewestLatenciesForShortVectorsAndTheFewestBytesForLongOnes) {
  const Swept swept =
      sweep(4, [](Algorithm algorithm, double bytes) { return time_of(algorithm, bytes, 4); });
  EXPECT_EQ(swept.choice.of(100), Algorithm::direct);
  EXPECT_EQ(swept.choice.of(1 << 20), Algorithm::pieces);
  EXPECT_EQ(swept.choice.of(64 << 20), Algorithm::pieces);
}

TEST(AlgorithmSweep, TakesAboutASecondEvenOnASlowNetwork) {
  for (const int ranks : {2, 3, 4, 8}) {
    const Swept swept =
        sweep(ranks, [&](Algorithm algorithm, double bytes) { return time_of(algorithm, bytes, ranks); });
    EXPECT_LT(swept.seconds, 2) << ranks;
    EXPECT_GT(swept.seconds, 0.1) << ranks;
  }
}

TEST(AlgorithmSweep, WhatIsHopelessIsNotTriedWithLongerVectors) {
  const Swept swept =
      sweep(4, [](Algorithm algorithm, double bytes) { return time_of(algorithm, bytes, 4); });
  EXPECT_GT(swept.trials.at({Algorithm::direct, 4096}), 3);
  EXPECT_FALSE(swept.trials.contains({Algorithm::direct, 4 << 20}));
  EXPECT_TRUE(swept.trials.contains({Algorithm::pieces, 4 << 20}));
}

TEST(AlgorithmSweep, WhatIsSlowForShortVectorsIsTriedWithLongOnes) {
  const Swept swept = sweep(4, [](Algorithm algorithm, double bytes) {
    return time_of(algorithm, bytes, 4) + (algorithm == Algorithm::pieces ? 500e-6 : 0);
  });
  EXPECT_EQ(swept.choice.of(4096), Algorithm::direct);
  EXPECT_EQ(swept.choice.of(1 << 20), Algorithm::pieces);
}

TEST(AlgorithmSweep, OfTwoRanksDoublingIsDirectExchangeAndNotTried) {
  const Swept swept =
      sweep(2, [](Algorithm algorithm, double bytes) { return time_of(algorithm, bytes, 2); });
  for (const auto& [trial, times] : swept.trials) EXPECT_NE(trial.first, Algorithm::doubling);
}

TEST(AlgorithmSweep, ASmallDifferenceDoesNotChangeTheChoice) {
  const Swept swept = sweep(3, [](Algorithm algorithm, double bytes) {
    const bool pieces = algorithm == Algorithm::pieces;
    return 1e-4 * (pieces == (bytes > 5000) ? 0.98 : 1.0);
  });
  EXPECT_EQ(swept.choice.ranges().size(), 1U);
}

TEST(MeasureAlgorithms, GivesEveryRankTheSameChoice) {
  std::vector<std::string> choices(3);
  run_ranks(3, [&](Comm& comm) {
    choices[static_cast<std::size_t>(comm.rank())] = measure_algorithms(comm).text();
  });
  EXPECT_NE(choices[0], "");
  EXPECT_EQ(choices[1], choices[0]);
  EXPECT_EQ(choices[2], choices[0]);
}

}  // namespace
}  // namespace yoke::comm
