#include "runtime/place.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "base/topology.h"
#include "comm/solo.h"
#include "comm/threads.h"
#include "runtime/placement.h"

namespace yoke::runtime {
namespace {

TEST(Place, IsToldByEveryRankInOrder) {
  comm::run_ranks(3, [](comm::Comm& comm) {
    const std::vector<Place> places = gather_places(comm, comm.rank() + 1);
    ASSERT_EQ(places.size(), 3U);
    for (int rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(places[rank].rank, rank);
      EXPECT_EQ(places[rank].pid, ::getpid());
      EXPECT_EQ(places[rank].host, read_host_name());
      EXPECT_EQ(places[rank].machine, read_machine_name());
      EXPECT_EQ(places[rank].network, places[0].network);
      EXPECT_EQ(places[rank].threads, rank + 1);
    }
  });
}

TEST(Place, IsDescribedWithHostAndProcess) {
  const Place place{2, "node3", "m", "n", 4242, 1, {}, 1};
  EXPECT_EQ(describe(place), "rank 2 (host node3, pid 4242)");
  EXPECT_EQ(attributed(place, "no"), "rank 2 on node3: no");
}

TEST(Place, RanksAgreeOnCoresThatNoTwoShare) {
  const Topology topology = read_topology();
  for (const int ranks : {1, 2, 3, 4}) {
    std::vector<std::vector<int>> cpus(static_cast<std::size_t>(ranks));
    comm::run_ranks(ranks, [&](comm::Comm& comm) {
      cpus[static_cast<std::size_t>(comm.rank())] = cpus_of_rank(gather_places(comm, 1), comm.rank());
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

TEST(Place, ARankByItselfTakesAllCoresOfItsProcess) {
  const Topology topology = read_topology();
  comm::SoloComm comm;
  const std::vector<int> cpus = cpus_of_rank(gather_places(comm, topology.cores), 0);
  EXPECT_EQ(cpus, std::vector<int>(topology.core_cpus.begin(), topology.core_cpus.begin() + topology.cores));
}

}  // namespace
}  // namespace yoke::runtime
