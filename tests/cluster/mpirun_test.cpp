#include "cluster/mpirun.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>

#include "base/error.h"
#include "system/run_directory.h"

namespace yoke::cluster {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> program{"/opt/yoke", "engine", "--model", "a b.gguf"};

/// The value that follows `--mca name` or `--prtemca name`; "" if there is none.
std::string parameter(const std::vector<std::string>& command, const std::string& name) {
  const auto found = std::find(command.begin(), command.end(), name);
  return found == command.end() ? "" : *(found + 1);
}

LocalJob job(int major) { return {"/usr/bin/mpirun", major, false, 4, true, "/run/dir"}; }

TEST(Mpirun, CommandSuitsOpenMpi4) {
  const auto command = mpirun_command(job(4), program);
  EXPECT_EQ(command.front(), "/usr/bin/mpirun");
  EXPECT_EQ(parameter(command, "-n"), "4");
  EXPECT_EQ(parameter(command, "--bind-to"), "none");
  EXPECT_THAT(command, Contains("--oversubscribe"));
  EXPECT_EQ(parameter(command, "btl"), "self,vader");
  EXPECT_EQ(parameter(command, "btl_vader_backing_directory"), "/run/dir");
  EXPECT_EQ(parameter(command, "oob_tcp_if_include"), "lo");
  EXPECT_EQ(parameter(command, "plm"), "isolated");
  EXPECT_EQ(parameter(command, "odls_base_sigkill_timeout"), "0");
  EXPECT_EQ(std::vector(command.end() - std::ssize(program), command.end()), program);
}

TEST(Mpirun, CommandSuitsOpenMpi5) {
  const auto command = mpirun_command(job(5), program);
  EXPECT_EQ(parameter(command, "--map-by"), ":OVERSUBSCRIBE");
  EXPECT_EQ(parameter(command, "btl"), "self,sm");
  EXPECT_THAT(command, Not(Contains("--oversubscribe")));
  EXPECT_THAT(command, Not(Contains(HasSubstr("vader"))));
  EXPECT_EQ(std::vector(command.end() - std::ssize(program), command.end()), program);
}

TEST(Mpirun, CommandSaysRootAndYieldingOnlyWhereTheyApply) {
  LocalJob some = job(4);
  EXPECT_THAT(mpirun_command(some, program), Not(Contains("--allow-run-as-root")));
  EXPECT_EQ(parameter(mpirun_command(some, program), "mpi_yield_when_idle"), "1");
  some.as_root = true;
  some.cores_shared = false;
  EXPECT_THAT(mpirun_command(some, program), Contains("--allow-run-as-root"));
  EXPECT_EQ(parameter(mpirun_command(some, program), "mpi_yield_when_idle"), "");
}

TEST(Mpirun, CommandRepeatsNoParameter) {
  // Open MPI takes a repeated --mca key for an error.
  for (const int major : {4, 5}) {
    const auto command = mpirun_command(job(major), program);
    std::set<std::string> seen;
    for (std::size_t i = 0; i + 1 < command.size(); ++i) {
      const bool names = command[i] == "--mca" || command[i] == "--prtemca";
      EXPECT_TRUE(!names || seen.insert(command[i + 1]).second) << command[i + 1];
    }
  }
}

TEST(Mpirun, VersionIsReadAndOthersAreRefused) {
  EXPECT_EQ(parse_mpirun_version("mpirun (Open MPI) 4.1.4\n\nReport bugs to …\n"), 4);
  EXPECT_EQ(parse_mpirun_version("mpirun (Open MPI) 5.0.3\n"), 5);
  EXPECT_THROW(parse_mpirun_version("mpirun (Open MPI) 3.1.0\n"), Error);
  EXPECT_THROW(parse_mpirun_version(""), Error);
  try {
    parse_mpirun_version("HYDRA build details:\n    Version: 4.0.2\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("HYDRA build details"));
  }
}

TEST(Mpirun, IsFoundInPathAndNowhereElseFirst) {
  const system::RunDirectory directory(std::filesystem::path(testing::TempDir()));
  const auto fake = directory.path() / "mpirun";
  const system::Environment environment{{"PATH", "relative::/nonexistent:" + directory.path().native()}};
  std::ofstream(fake) << "#!/bin/sh\n";
  std::filesystem::permissions(fake, std::filesystem::perms::owner_all);
  EXPECT_EQ(find_mpirun(environment), fake);
}

const std::vector<runtime::Place> places{
    {0, "a", "", "", 10, 1, {}, 1}, {1, "a", "", "", 11, 1, {}, 1}, {2, "b", "", "", 12, 1, {}, 1}};

TEST(ExplainEnd, NamesTheRankThatASignalEnded) {
  const std::string printed =
      "--------------------------------------------------------------------------\n"
      "Primary job  terminated normally, but 1 process returned\n"
      "mpirun noticed that process rank 2 with PID 0 on node vm exited on signal 9 (Killed).\n";
  EXPECT_EQ(explain_end(printed, 137 << 8, places),
            "rank 2 (host b, pid 12) was lost: ended by signal 9 (Killed)");
  EXPECT_EQ(explain_end(printed, 137 << 8, {}), "rank 2 on vm was lost: ended by signal 9 (Killed)");
  EXPECT_EQ(explain_end(printed, 137 << 8, {}, {.names = {{"vm", "node2"}}}),
            "rank 2 on node2 was lost: ended by signal 9 (Killed)");
}

TEST(ExplainEnd, NamesTheRankThatGaveUp) {
  const std::string printed =
      "mpirun detected that one or more processes exited with non-zero status, thus causing\n"
      "the job to be terminated. The first process to do so was:\n\n"
      "  Process name: [[18443,1],1]\n  Exit code:    3\n";
  EXPECT_EQ(explain_end(printed, 3 << 8, places),
            "rank 1 (host a, pid 11) was lost: it ended with exit code 3");
}

TEST(ExplainEnd, NamesTheMachineWhoseDaemonIsLost) {
  const std::string printed =
      "ORTE has lost communication with a remote daemon.\n\n"
      "  HNP daemon   : [[19871,0],0] on node node1\n  Remote daemon: [[19871,0],1] on node 10.0.0.2\n\n";
  EXPECT_THAT(explain_end(printed, 205 << 8, places, {.names = {{"10.0.0.2", "node2"}}}),
              testing::StartsWith("node2 was lost"));
  EXPECT_THAT(explain_end(printed, 205 << 8, places), testing::StartsWith("10.0.0.2 was lost"));
}

TEST(ExplainEnd, TakesALostMachineForTheReasonOfWhatRanksTellOfEachOther) {
  const std::string printed =
      "yoke engine: rank 0 (host node1, pid 10) was lost\n"
      "  Remote daemon: [[19871,0],2] on node 10.0.0.3\n\n";
  EXPECT_THAT(explain_end(printed, 205 << 8, places, {.names = {{"10.0.0.3", "node3"}}}),
              testing::StartsWith("node3 was lost"));
}

TEST(ExplainEnd, NamesTheMachineWhoseRankHasHungUp) {
  const std::string printed =
      "An MPI communication peer process has unexpectedly disconnected.  This\nusually indicates a "
      "failure\n\n"
      "  Local host: node1\n  Local PID:  123\n  Peer host:  node2\n";
  EXPECT_EQ(explain_end(printed, 205 << 8, places), "a rank on node2 was lost: it ended without a word");
}

TEST(ExplainEnd, NamesTheMachineWhoseDaemonHasNotStarted) {
  const std::string printed =
      "yoke agent: 10.0.0.2 255\n-----\nORTE was unable to reliably start one or more daemons.\n"
      "yoke agent: 10.0.0.3 1\n";
  EXPECT_THAT(explain_end(printed, 255 << 8, {}, {.names = {{"10.0.0.2", "node2"}}}),
              testing::StartsWith("node2 was lost while its rank started"));
}

TEST(ExplainEnd, NamesTheMachineOfARankThatASignalEndedBeforeItHadJoined) {
  const std::string printed =
      "[node1:1] [[19800,0],0] ACTIVATE PROC [[19800,1],0] STATE RUNNING AT a.c:1\n"
      "[node1:1] [[19800,0],0] ACTIVATE PROC [[19800,1],2] STATE ABORTED BY SIGNAL AT b.c:1746\n"
      "Primary job  terminated normally, but 1 process returned\na non-zero exit code.\n"
      "[node1:1] [[19800,0],0] ACTIVATE PROC [[19800,1],0] STATE KILLED BY INTERNAL COMMAND AT b.c:1981\n";
  EXPECT_EQ(explain_end(printed, 137 << 8, {}, {.of_ranks = {"node1", "node1", "node2"}}),
            "rank 2 on node2 was lost: ended by a signal");
  EXPECT_EQ(explain_end(printed, 137 << 8, {}), "rank 2 was lost: ended by a signal");
}

TEST(ExplainEnd, PrefersTheEnginesOwnWords) {
  EXPECT_EQ(
      explain_end("noise\nyoke engine: rank 0 (host a, pid 10) stopped answering\nprocess rank 1 with PID 0 "
                  "on node vm exited on signal 9 (Killed).\n",
                  256, places),
      "rank 0 (host a, pid 10) stopped answering");
}

TEST(CauseOfEnd, IsACrashWhereASignalOfItsOwnEndedARank) {
  using runtime::DeathCause;
  const auto of = [](int signal) {
    const std::string report = "mpirun noticed that process rank 2 with PID 0 on node vm exited on signal ";
    return cause_of_end(report + std::to_string(signal) + " (…).", 128 << 8);
  };
  for (const int crash : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS}) EXPECT_EQ(of(crash), DeathCause::crash) << crash;
  for (const int loss : {SIGKILL, SIGTERM, SIGHUP}) EXPECT_EQ(of(loss), DeathCause::loss) << loss;
  EXPECT_EQ(cause_of_end("", SIGSEGV), DeathCause::crash) << "of the one rank itself";
  EXPECT_EQ(cause_of_end("", SIGKILL), DeathCause::loss);
  EXPECT_EQ(cause_of_end("", -1), DeathCause::loss);
  EXPECT_EQ(cause_of_end("", 1 << 8), DeathCause::loss);
}

TEST(CauseOfEnd, IsALossWhereAMachineIsGone) {
  EXPECT_EQ(cause_of_end("Remote daemon: [[19871,0],1] on node 10.0.0.2\nprocess rank 1 with PID 0 on node a "
                         "exited on signal 6 (Aborted).",
                         205 << 8),
            runtime::DeathCause::loss);
}

TEST(ExplainEnd, FallsBackToTheFirstLineAndTheStatus) {
  EXPECT_EQ(explain_end("\n-----\n  ORTE has lost its way\nmore\n", 1 << 8, places),
            "the engine ended with exit code 1 and said: ORTE has lost its way");
  EXPECT_EQ(explain_end("", SIGKILL, places),
            "what holds the ranks together, on this machine, was ended by signal 9 (Killed)");
  EXPECT_EQ(explain_end("", SIGKILL, {}), "the engine was ended by signal 9 (Killed)");
  EXPECT_EQ(explain_end("", -1, places), "the engine stopped answering");
}

}  // namespace
}  // namespace yoke::cluster
