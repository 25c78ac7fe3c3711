#include "hosts/fewer_machines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace yoke::hosts {
namespace {

/// Of 80 GB of weights that are divided in so many whole units, at least one for each rank.
ShareNeeds of_units(int units) {
  return [units](const std::vector<double>& shares) {
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    std::vector<RankNeed> needs;
    for (const double share : shares) {
      const double held = std::max(1.0, std::round(units * share / sum));
      needs.push_back({static_cast<std::uint64_t>(80e9 * held / units), 1'000'000'000});
    }
    return needs;
  };
}

std::optional<FewerMachines> find(const std::vector<Sharer>& sharers, int units, const TokenCost& cost = {}) {
  return find_fewer(sharers, share_out(sharers, of_units(units)), of_units(units), cost);
}

TEST(ModelledSpeed, IsThatOfTheSlowestAndOfTheExchange) {
  const std::vector<Sharer> sharers{{.speed = 100e9}, {.speed = 20e9}};
  const Shares halves{{1, 1}, {}};
  EXPECT_NEAR(modelled_speed(sharers, halves, of_units(1000), {}).value(), 0.5, 1e-6);
  EXPECT_NEAR(modelled_speed(sharers, halves, of_units(1000), {0.25, 0.5}).value(), 1, 1e-6);
  const std::vector<Sharer> alone{{.speed = 20e9}};
  EXPECT_NEAR(modelled_speed(alone, {{1}, {}}, of_units(1000), {0.25, 0.5}).value(), 1, 1e-6);
}

TEST(ModelledSpeed, IsNotKnownWithoutSpeedsNeedsOrRoom) {
  const Shares halves{{1, 1}, {}};
  EXPECT_FALSE(modelled_speed(std::vector<Sharer>{{.speed = 1e9}, {}}, halves, of_units(8), {}));
  const std::vector<Sharer> small{{.speed = 1e9}, {.speed = 1e9, .memory = 10'000'000'000}};
  EXPECT_FALSE(modelled_speed(small, halves, of_units(8), {}));
  const ShareNeeds unknown = [](const std::vector<double>&) { return std::vector<RankNeed>(); };
  EXPECT_FALSE(modelled_speed(small, halves, unknown, {}));
}

TEST(FewerMachines, AreNoneWhereEveryMachineHelps) {
  EXPECT_FALSE(find({{.speed = 100e9}, {.speed = 50e9}, {.speed = 10e9}}, 10000));
  EXPECT_FALSE(find({{.speed = 100e9}, {.speed = 100e9}}, 8));
  EXPECT_FALSE(find({{.speed = 100e9}}, 8));
}

TEST(FewerMachines, AreThoseWithoutOneTooSlowForTheLeastThatItCanDo) {
  const auto found = find({{.speed = 100e9}, {.speed = 100e9}, {.speed = 5e9}}, 8);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->machines, testing::ElementsAre(0, 1));
  EXPECT_NEAR(found->speed_of_all, 0.5, 1e-6);  // 10 GB at 5 GB/s
  EXPECT_NEAR(found->speed, 2.5, 1e-6);
}

TEST(FewerMachines, AreOneWhereExchangesCostMoreThanOthersSave) {
  // 80 GB of which 1% are active: 8 ms alone, 2.7 ms for each of three, and 30 ms for exchanges.
  const auto found = find({{.speed = 90e9}, {.speed = 100e9}, {.speed = 90e9}}, 1000, {0.01, 0.03});
  ASSERT_TRUE(found);
  EXPECT_THAT(found->machines, testing::ElementsAre(1));
  EXPECT_NEAR(found->speed_of_all, 1 / 0.0329, 0.2);
  EXPECT_NEAR(found->speed, 1 / 0.008, 0.1);
}

TEST(FewerMachines, AreNoneWhereTheModelDoesNotFitThem) {
  const std::vector<Sharer> sharers{{.speed = 100e9, .memory = 60'000'000'000},
                                    {.speed = 5e9, .memory = 60'000'000'000}};
  EXPECT_FALSE(find(sharers, 8));
}

}  // namespace
}  // namespace yoke::hosts
