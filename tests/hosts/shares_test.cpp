#include "hosts/shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace yoke::hosts {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

const ShareNeeds unknown = [](const std::vector<double>&) { return std::vector<RankNeed>(); };

/// Of a model with so many bytes of weights, whose ranks each need `others` besides.
ShareNeeds needs_of(double weights, std::uint64_t others) {
  return [=](const std::vector<double>& shares) {
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    std::vector<RankNeed> needs;
    for (const double share : shares)
      needs.push_back({static_cast<std::uint64_t>(std::ceil(weights * share / sum)), others});
    return needs;
  };
}

TEST(ShareOut, IsByWeightWhereThereAreWeights) {
  const Sharer sharers[] = {{.weight = 2, .speed = 1}, {.slots = 2, .weight = 1, .speed = 5}};
  const Shares shares = share_out(sharers, unknown);
  EXPECT_THAT(shares.of_ranks, ElementsAre(2, 0.5, 0.5));
  EXPECT_THAT(shares.reasons, ElementsAre("its weight is 2", "its weight is 1"));
  EXPECT_DOUBLE_EQ(shares.part_of(sharers, 0), 2.0 / 3);
  EXPECT_DOUBLE_EQ(shares.part_of(sharers, 1), 1.0 / 3);
}

TEST(ShareOut, IsBySpeedWhereSpeedsDiffer) {
  const Sharer sharers[] = {{.speed = 30e9}, {.slots = 2, .speed = 20e9}};
  const Shares shares = share_out(sharers, unknown);
  EXPECT_THAT(shares.of_ranks, ElementsAre(30e9, 10e9, 10e9));
  EXPECT_EQ(shares.reasons[0], "it reads 30.0 GB/s of weights");
  EXPECT_FALSE(shares.are_equal());
}

TEST(ShareOut, IsEqualWhereMachinesAreAlikeOrUnknown) {
  const Sharer alike[] = {{.speed = 30e9}, {.speed = 28e9}, {.speed = 29e9}};
  const Sharer unknown_speed[] = {{.speed = 30e9}, {.speed = 0}};
  EXPECT_THAT(share_out(alike, unknown).of_ranks, ElementsAre(1, 1, 1));
  const Shares shares = share_out(unknown_speed, unknown);
  EXPECT_TRUE(shares.are_equal());
  EXPECT_THAT(shares.reasons, Each(HasSubstr("not every speed is known")));
}

TEST(ShareOut, GivesAMachineWhatItsMemoryHoldsAndTheRestToTheOthers) {
  const Sharer sharers[] = {
      {.speed = 10, .memory = 1000}, {.speed = 10, .memory = 300}, {.speed = 10, .memory = 1000}};
  const Shares shares = share_out(sharers, needs_of(1200, 50));
  const std::vector<RankNeed> needs = needs_of(1200, 50)(shares.of_ranks);
  EXPECT_LE(needs[1].weights + 50, 300);
  EXPECT_GT(needs[1].weights, 230);
  EXPECT_EQ(needs[0].weights, needs[2].weights);
  EXPECT_THAT(shares.reasons[1], HasSubstr("hold no more"));
  EXPECT_THAT(shares.reasons[0], HasSubstr("as their speeds are"));
}

TEST(ShareOut, LeavesSharesAsTheyAreWhereAllOfItDoesNotFit) {
  const Sharer sharers[] = {{.memory = 300}, {.memory = 300}};
  EXPECT_THAT(share_out(sharers, needs_of(1200, 50)).of_ranks, ElementsAre(1, 1));
  const Sharer none[] = {{.memory = 40}, {.memory = 3000}};
  EXPECT_THAT(share_out(none, needs_of(1200, 50)).of_ranks, ElementsAre(1, 1));
  const Sharer alone[] = {{.memory = 300}};
  EXPECT_THAT(share_out(alone, needs_of(1200, 50)).of_ranks, ElementsAre(1));
}

TEST(ShareOut, FitsWhateverFits) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Sharer> sharers(1 + random() % 7);
    std::uint64_t room = 0;
    for (Sharer& each : sharers) {
      each.slots = static_cast<int>(1 + random() % 3);
      each.speed = static_cast<double>(1 + random() % 100);
      each.memory = 1000 + random() % 100'000;
      room += each.memory - 100 * static_cast<std::uint64_t>(each.slots);
    }
    const ShareNeeds needs = needs_of(static_cast<double>(room) * 0.9, 100);
    const Shares shares = share_out(sharers, needs);
    const std::vector<RankNeed> of_ranks = needs(shares.of_ranks);
    double parts = 0;
    std::size_t rank = 0;
    for (std::size_t i = 0; i < sharers.size(); ++i) {
      std::uint64_t need = 0;
      for (int slot = 0; slot < sharers[i].slots; ++slot, ++rank)
        need += of_ranks[rank].weights + of_ranks[rank].others;
      EXPECT_LE(need, sharers[i].memory) << round;
      parts += shares.part_of(sharers, i);
    }
    EXPECT_NEAR(parts, 1, 1e-9);
  }
}

}  // namespace
}  // namespace yoke::hosts
