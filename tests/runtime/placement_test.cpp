#include "runtime/placement.h"

#include <gtest/gtest.h>

#include <set>

#include "base/topology.h"
#include "comm/solo.h"
#include "comm/threads.h"

namespace yoke::runtime {
namespace {

using Cpus = std::vector<int>;

Place place(const std::string& machine, const std::vector<std::int32_t>& cpus, std::int32_t threads) {
  return {machine, static_cast<std::int32_t>(cpus.size()), cpus, threads};
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
  const std::vector<Place> limited{{"a", 1, {0, 1, 2, 3}, 2}};
  EXPECT_EQ(cpus_of_rank(limited, 0), Cpus{});
}

TEST(Placement, NothingIsBoundWhereHalfOfTheCoresStayFree) {
  const std::vector<std::int32_t> cores{0, 1, 2, 3};
  EXPECT_EQ(cpus_of_rank(std::vector{place("a", cores, 2)}, 0), Cpus{});
  EXPECT_EQ(cpus_of_rank(std::vector{place("a", cores, 3)}, 0), (Cpus{0, 1, 2}));
}

TEST(Placement, AnUnknownMachineBindsNothing) {
  const std::vector<Place> places(2, Place{"a", 4, {}, 2});
  EXPECT_EQ(cpus_of_rank(places, 0), Cpus{});
  EXPECT_EQ(cpus_of_rank(places, 1), Cpus{});
}

TEST(Placement, CountsTheRanksOfAMachine) {
  const std::vector<Place> places{place("a", {0}, 1), place("b", {0}, 1), place("a", {1}, 1)};
  EXPECT_EQ(ranks_beside(places, 0), 2);
  EXPECT_EQ(ranks_beside(places, 1), 1);
  EXPECT_EQ(ranks_beside(places, 2), 2);
}

TEST(Placement, RanksAgreeOnCoresThatNoTwoShare) {
  const Topology topology = read_topology();
  for (const int ranks : {1, 2, 3, 4}) {
    std::vector<std::vector<int>> cpus(static_cast<std::size_t>(ranks));
    comm::run_ranks(ranks, [&](comm::Comm& comm) {
      cpus[static_cast<std::size_t>(comm.rank())] = cpus_of_rank(exchange_places(comm, 1), comm.rank());
    });
    const bool bound = ranks <= topology.cores && 2 * ranks > topology.cores;
    std::set<int> distinct;
    for (const std::vector<int>& own : cpus) {
      EXPECT_EQ(own.size(), bound ? 1u : 0u) << ranks << " ranks";
      distinct.insert(own.begin(), own.end());
    }
    EXPECT_EQ(distinct.size(), bound ? static_cast<std::size_t>(ranks) : 0u);
  }
}

TEST(Placement, ARankByItselfTakesAllCoresOfItsProcess) {
  const Topology topology = read_topology();
  comm::SoloComm comm;
  const std::vector<int> cpus = cpus_of_rank(exchange_places(comm, topology.cores), 0);
  EXPECT_EQ(cpus, Cpus(topology.core_cpus.begin(), topology.core_cpus.begin() + topology.cores));
}

}  // namespace
}  // namespace yoke::runtime
