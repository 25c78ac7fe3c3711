#include "cluster/hosts_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace yoke::cluster {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> engine{"engine", "--socket", "/tmp/yoke-1/engine.socket"};

HostsJob job(int major) {
  HostsJob job;
  job.mpirun = "/usr/bin/mpirun";
  job.major_version = major;
  job.hosts = {{"10.77.0.1", 1, "/opt/yoke"}, {"10.77.0.2", 2, "/home/me/bin/yoke"}};
  job.network = "10.77.0.0/24";
  job.agent = "/run/dir/agent";
  job.run_folder = "/tmp/yoke-1";
  job.daemon_port = 45007;
  return job;
}

/// The value that follows `--mca name` or `--prtemca name`; "" if there is none.
std::string parameter(const std::vector<std::string>& command, const std::string& name) {
  const auto found = std::find(command.begin(), command.end(), name);
  return found == command.end() ? "" : *(found + 1);
}

/// What stands from the n-th `-n` on to the next colon or the end.
std::vector<std::string> part(const std::vector<std::string>& command, int n) {
  auto begin = command.begin();
  for (int i = 0; i <= n; ++i) begin = std::find(begin + (i > 0 ? 1 : 0), command.end(), "-n");
  return {begin, std::find(begin, command.end(), ":")};
}

TEST(HostsCommand, StartsEachHostsRanksInTheOrderOfTheList) {
  const auto command = hosts_command(job(4), engine);
  EXPECT_EQ(command.front(), "/usr/bin/mpirun");
  EXPECT_EQ(std::count(command.begin(), command.end(), ":"), 1);
  std::vector<std::string> first{"-n", "1", "--host", "10.77.0.1:1", "--wdir", "/", "/opt/yoke"};
  std::vector<std::string> second{"-n", "2", "--host", "10.77.0.2:2", "--wdir", "/", "/home/me/bin/yoke"};
  first.insert(first.end(), engine.begin(), engine.end());
  second.insert(second.end(), engine.begin(), engine.end());
  EXPECT_EQ(part(command, 0), first);
  EXPECT_EQ(part(command, 1), second);
}

TEST(HostsCommand, KeepsToTheNetworkAndThePinnedPorts) {
  const auto command = hosts_command(job(4), engine);
  EXPECT_EQ(parameter(command, "oob_tcp_if_include"), "10.77.0.0/24");
  EXPECT_EQ(parameter(command, "btl_tcp_if_include"), "10.77.0.0/24");
  EXPECT_EQ(parameter(command, "oob_tcp_dynamic_ipv4_ports"), "45007");
  EXPECT_EQ(parameter(command, "btl_tcp_port_min_v4"), "46000");
  EXPECT_EQ(parameter(command, "btl_tcp_port_range_v4"), "1000");
  EXPECT_EQ(parameter(command, "plm_rsh_agent"), "/run/dir/agent");
  EXPECT_EQ(parameter(command, "orte_tmpdir_base"), "/tmp/yoke-1");
}

TEST(HostsCommand, LetsDaemonsAlsoReachAStarterElsewhere) {
  HostsJob far = job(4);
  far.starter_network = "192.168.1.0/24";
  const auto command = hosts_command(far, engine);
  EXPECT_EQ(parameter(command, "oob_tcp_if_include"), "10.77.0.0/24,192.168.1.0/24");
  EXPECT_EQ(parameter(command, "btl_tcp_if_include"), "10.77.0.0/24");
}

TEST(HostsCommand, SharesMemoryOnlyWhereAHostHasSeveralRanks) {
  HostsJob some = job(4);
  EXPECT_EQ(parameter(hosts_command(some, engine), "btl"), "self,vader,tcp");
  EXPECT_EQ(parameter(hosts_command(some, engine), "btl_vader_backing_directory"), "/tmp/yoke-1");
  some.hosts[1].slots = 1;
  EXPECT_EQ(parameter(hosts_command(some, engine), "btl"), "self,tcp");
}

TEST(HostsCommand, DoesNotShutRdmaOut) {
  HostsJob fast = job(4);
  fast.transport = Transport::ucx;
  const auto command = hosts_command(fast, engine);
  EXPECT_EQ(parameter(command, "pml"), "ucx");
  EXPECT_THAT(command, Not(Contains("btl")));
}

TEST(HostsCommand, NamesWhatOpenMpi5CallsTheSame) {
  const auto command = hosts_command(job(5), engine);
  EXPECT_EQ(parameter(command, "plm_ssh_agent"), "/run/dir/agent");
  EXPECT_EQ(parameter(command, "prte_if_include"), "10.77.0.0/24");
  EXPECT_EQ(parameter(command, "btl"), "self,sm,tcp");
  EXPECT_THAT(command, Not(Contains(HasSubstr("rsh"))));
  EXPECT_THAT(command, Not(Contains(HasSubstr("vader"))));
}

TEST(HostsCommand, RepeatsNoParameter) {
  // Open MPI takes a repeated --mca key for an error.
  for (const int major : {4, 5}) {
    const auto command = hosts_command(job(major), engine);
    std::set<std::string> seen;
    for (std::size_t i = 0; i + 1 < command.size(); ++i) {
      const bool names = command[i] == "--mca" || command[i] == "--prtemca";
      EXPECT_TRUE(!names || seen.insert(command[i + 1]).second) << command[i + 1];
    }
  }
}

TEST(HostsCommand, PassesAUsersOwnArgumentsOnBeforeTheFirstHost) {
  HostsJob own = job(4);
  own.extra = {"--mca", "btl_base_verbose", "30"};
  const auto command = hosts_command(own, engine);
  const auto verbose = std::find(command.begin(), command.end(), "btl_base_verbose");
  EXPECT_LT(verbose, std::find(command.begin(), command.end(), "-n"));
}

TEST(HostsCommand, AMachineThatStandsInSeveralPlacesHasRoomForAllItsRanks) {
  HostsJob twice = job(4);
  twice.hosts = {{"10.77.0.1", 1, "/opt/yoke"}, {"10.77.0.2", 1, "/opt/yoke"}, {"10.77.0.1", 1, "/opt/yoke"}};
  const auto command = hosts_command(twice, engine);
  EXPECT_EQ(std::count(command.begin(), command.end(), "10.77.0.1:2"), 2);
  EXPECT_EQ(std::count(command.begin(), command.end(), "10.77.0.2:1"), 1);
  EXPECT_EQ(parameter(command, "btl"), "self,vader,tcp");
}

}  // namespace
}  // namespace yoke::cluster
