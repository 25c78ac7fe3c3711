#include "runtime/placement.h"

#include <gtest/gtest.h>

namespace yoke::runtime {
namespace {

using Cpus = std::vector<int>;

Place place(const std::string& machine, const std::vector<std::int32_t>& cpus, std::int32_t threads) {
  return {0, "host", machine, machine, 1, static_cast<std::int32_t>(cpus.size()), cpus, threads};
}

TEST(Placement, RanksOfAMachineTakeItsCoresOneAfterTheOther) {
  const std::vector<Place> places(3, place("a", {0, 2, 4, 6, 8, 10, 12}, 2));
  EXPECT_EQ(cpus_of_rank(places, 0), (Cpus{0, 2}));
  EXPECT_EQ(cpus_of_rank(places, 1), (Cpus{4, 6}));
  EXPECT_EQ(cpus_of_rank(places, 2), (Cpus{8, 10}));
}

TEST(Placement, RanksMayHaveDifferentNumbersOfThreads) {
  const std::vector<Place> places{place("a", {0, 1, 2, 3}, 1), place("a", {0, 1, 2, 3}, 3)};
  EXPECT_EQ(cpus_of_rank(places, 0), (Cpus{0}));
  EXPECT_EQ(cpus_of_rank(places, 1), (Cpus{1, 2, 3}));
}

TEST(Placement, OnlyRanksOfTheSameMachineCount) {
  const std::vector<Place> places{place("a", {0, 1}, 1), place("b", {0, 1}, 2), place("a", {0, 1}, 1)};
  EXPECT_EQ(cpus_of_rank(places, 0), (Cpus{0}));
  EXPECT_EQ(cpus_of_rank(places, 1), (Cpus{0, 1}));
  EXPECT_EQ(cpus_of_rank(places, 2), (Cpus{1}));
}

TEST(Placement, RanksThatWereBoundApartStayWhereTheyAre) {
  const std::vector<Place> places{place("a", {0, 1}, 2), place("a", {2, 3}, 2), place("a", {4}, 1)};
  EXPECT_EQ(cpus_of_rank(places, 0), (Cpus{0, 1}));
  EXPECT_EQ(cpus_of_rank(places, 1), (Cpus{2, 3}));
  EXPECT_EQ(cpus_of_rank(places, 2), (Cpus{4}));
}

TEST(Placement, RanksThatWereBoundToPartsOfTheSameCoresAreLeftToTheSystem) {
  const std::vector<Place> places{place("a", {0, 1}, 1), place("a", {1, 2}, 1)};
  EXPECT_EQ(cpus_of_rank(places, 0), Cpus{});
  EXPECT_EQ(cpus_of_rank(places, 1), Cpus{});
}

TEST(Placement, NothingIsBoundWhereThreadsOutnumberCores) {
  const std::vector<Place> places(3, place("a", {0, 1}, 1));
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(cpus_of_rank(places, rank), Cpus{});
  // A quota of time leaves fewer cores than processors.
  const std::vector<Place> limited{{0, "host", "a", "a", 1, 1, {0, 1, 2, 3}, 2}};
  EXPECT_EQ(cpus_of_rank(limited, 0), Cpus{});
}

TEST(Placement, NothingIsBoundWhereHalfOfTheCoresStayFree) {
  const std::vector<std::int32_t> cores{0, 1, 2, 3};
  EXPECT_EQ(cpus_of_rank(std::vector{place("a", cores, 2)}, 0), Cpus{});
  EXPECT_EQ(cpus_of_rank(std::vector{place("a", cores, 3)}, 0), (Cpus{0, 1, 2}));
}

TEST(Placement, AnUnknownMachineBindsNothing) {
  const std::vector<Place> places(2, Place{0, "host", "a", "a", 1, 4, {}, 2});
  EXPECT_EQ(cpus_of_rank(places, 0), Cpus{});
  EXPECT_EQ(cpus_of_rank(places, 1), Cpus{});
}

std::vector<std::int32_t> threads_of(const std::vector<Place>& places) {
  std::vector<std::int32_t> threads;
  for (const Place& place : with_threads(places)) threads.push_back(place.threads);
  return threads;
}

TEST(Placement, RanksWithoutANumberOfThreadsShareTheirCoresOut) {
  const std::vector<std::int32_t> seven{0, 1, 2, 3, 4, 5, 6};
  EXPECT_EQ(threads_of({place("a", seven, 0), place("a", seven, 0), place("b", seven, 0)}), (Cpus{3, 3, 7}));
  EXPECT_EQ(threads_of({place("a", {0, 1}, 0), place("a", {2, 3, 4}, 0)}), (Cpus{2, 3})) << "bound apart";
  EXPECT_EQ(threads_of({place("a", {0}, 0), place("a", {0}, 0)}), (Cpus{1, 1}));
  EXPECT_EQ(threads_of({place("a", seven, 5), place("a", seven, 0)}), (Cpus{5, 3})) << "one was given";
  EXPECT_EQ(threads_of(std::vector(2, Place{0, "host", "a", "a", 1, 4, {}, 0})), (Cpus{2, 2})) << "unknown";
}

TEST(Placement, CountsTheRanksOfAMachine) {
  const std::vector<Place> places{place("a", {0}, 1), place("b", {0}, 1), place("a", {1}, 1)};
  EXPECT_EQ(ranks_beside(places, 0), 2);
  EXPECT_EQ(ranks_beside(places, 1), 1);
  EXPECT_EQ(ranks_beside(places, 2), 2);
}

}  // namespace
}  // namespace yoke::runtime
