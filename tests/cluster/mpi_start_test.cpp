#include "cluster/mpi_start.h"
#include "system/environment.h"

#include <gtest/gtest.h>

namespace yoke::cluster {
namespace {

TEST(MpiStart, KnowsWhoStartedThisProcess) {
  EXPECT_FALSE(detect_mpi({}).under_mpi);
  EXPECT_FALSE(
      detect_mpi({{"PATH", "/bin"}, {"SLURM_JOB_ID", "7"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}})
          .under_mpi);  // a batch script
  EXPECT_FALSE(detect_mpi({{"SLURM_STEP_NUM_TASKS", "1"}}).under_mpi);
  EXPECT_FALSE(detect_mpi({{"OMPI_COMM_WORLD_SIZE", "many"}}).under_mpi);

  const auto open_mpi = detect_mpi({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "1"}});
  EXPECT_TRUE(open_mpi.under_mpi);
  EXPECT_EQ(open_mpi.ranks, 4);
  const auto srun = detect_mpi({{"PMIX_RANK", "0"}, {"SLURM_STEP_NUM_TASKS", "8"}});
  EXPECT_TRUE(srun.under_mpi);
  EXPECT_EQ(srun.ranks, 8);
  EXPECT_EQ(detect_mpi({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}}).ranks, 2);
  EXPECT_TRUE(detect_mpi({{"PMIX_RANK", "0"}}).under_mpi);
  EXPECT_EQ(detect_mpi({{"PMIX_RANK", "0"}}).ranks, 0);
  EXPECT_EQ(detect_mpi({{"SLURM_STEP_NUM_TASKS", "3"}}).ranks, 3);
}

TEST(MpiStart, KnowsThatSrunHasGivenRanksNoWayToFindEachOther) {
  const system::Environment srun{{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_PROCID", "1"}};
  EXPECT_TRUE(detect_mpi(srun).unconnected);
  EXPECT_EQ(detect_mpi(srun).rank, 1);
  EXPECT_EQ(detect_mpi(srun).ranks, 2);
  for (const char* connects : {"PMIX_RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK"}) {
    system::Environment connected = srun;
    connected.emplace(connects, "0");
    EXPECT_FALSE(detect_mpi(connected).unconnected) << connects;
  }
  EXPECT_FALSE(detect_mpi({{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}}).unconnected);
  EXPECT_FALSE(detect_mpi({}).unconnected);
}

TEST(MpiStart, KnowsTheNetworkThatMpiWasTold) {
  EXPECT_EQ(detect_mpi({{"PMIX_RANK", "0"}}).network, "");
  EXPECT_EQ(detect_mpi({{"PMIX_RANK", "0"}, {"OMPI_MCA_btl_tcp_if_include", "10.0.0.0/8,eth1"}}).network,
            "10.0.0.0/8,eth1");
}

TEST(MpiStart, WithoutTheJobItBelongsToKeepsTheRest) {
  const system::Environment mine{{"PATH", "/bin"},
                                 {"SLURM_JOBID", "7"},
                                 {"PMIX_RANK", "0"},
                                 {"OMPI_COMM_WORLD_SIZE", "4"},
                                 {"OMPI_MCA_btl_base_verbose", "1"},
                                 {"HOME", "/root"}};
  EXPECT_EQ(without_job(mine),
            (system::Environment{{"PATH", "/bin"}, {"OMPI_MCA_btl_base_verbose", "1"}, {"HOME", "/root"}}));
}

}  // namespace
}  // namespace yoke::cluster
