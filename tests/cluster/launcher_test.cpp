// Whole engines: launch(), mpirun, ranks and links, with the fake engine in the place of a model.
#include "cluster/launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/topology.h"
#include "cluster/mpi_comm.h"
#include "cluster/mpirun.h"
#include "common/error_of.h"
#include "fake_engine.h"
#include "system/child_process.h"
#include "system/run_directory.h"

namespace yoke::cluster {
namespace {

using namespace runtime;
using std::chrono::milliseconds;
using testing::AnyOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

constexpr milliseconds patience{30000};
constexpr milliseconds death_limit{5000};

/// For ranks with this behaviour.
system::Environment environment_for(const std::string& model) {
  system::Environment environment = system::current_environment();
  if (model.starts_with("hang")) environment["YOKE_TEST_HASTE"] = "1";
  return environment;
}

LaunchOptions launch_options(int ranks, const std::string& model) {
  LaunchOptions options;
  options.ranks = ranks;
  options.host.model = model;
  options.environment = environment_for(model);
  options.executable = YOKE_TEST_RANK;
  return options;
}

/// Linux's word on a process: 'R', 'S', 'T', …; 'X' if it does not exist (any more).
char state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return 'X';
  return line.at(line.rfind(')') + 2);
}

bool is_gone(pid_t pid) { return state_of(pid) == 'X' || state_of(pid) == 'Z'; }

/// Waits for the processes to disappear; false if they do not.
bool all_disappear(const std::vector<pid_t>& pids, milliseconds limit = death_limit) {
  const auto deadline = Clock::now() + limit;
  for (const pid_t pid : pids) {
    while (!is_gone(pid)) {
      if (Clock::now() > deadline) return false;
      ::poll(nullptr, 0, 5);
    }
  }
  return true;
}

double cpu_seconds(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// A running engine whose ranks' process ids are known.
struct Job {
  Job(int ranks, const std::string& model) : engine(launch(launch_options(ranks, model), {})) {
    for (const RankReport& report : engine->reports()) pids.push_back(static_cast<pid_t>(report.pid));
  }
  void submit(std::int32_t max_tokens) const { engine->submit({7, {1}, max_tokens, {}, {}, {}}); }
  /// In the midst of a request without end.
  void get_going() const {
    submit(1'000'000'000);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(engine->next(patience));
  }
  /// The sentence with which the engine dies.
  std::string death() const {
    const auto deadline = Clock::now() + patience;
    return error_of([&] {
      while (Clock::now() < deadline) engine->next(milliseconds(100));
    });
  }
  std::unique_ptr<Engine> engine;
  std::vector<pid_t> pids;
};

/// Ranks whose load lasts: launch() runs in a child of this test, and the process ids come from files.
struct SlowLoad {
  explicit SlowLoad(int ranks)
      : child({YOKE_TEST_RANK, "launch", std::to_string(ranks), "slow-load:" + directory.path().native()},
              system::current_environment()) {
    for (int r = 0; r < ranks; ++r) {
      const auto file = directory.path() / ("rank-" + std::to_string(r));
      while (!std::filesystem::exists(file)) ::poll(nullptr, 0, 5);
      pid_t pid = 0;
      std::ifstream(file) >> pid;
      pids.push_back(pid);
    }
  }
  system::RunDirectory directory;
  system::ChildProcess child;
  std::vector<pid_t> pids;
};

class Jobs : public testing::Test {
 protected:
  void SetUp() override {
    if (!built_with_mpi()) GTEST_SKIP() << "built without MPI";
  }
};

TEST(OneRank, RunsWithoutMpirun) {
  const Job job(1, "well");
  job.submit(3);
  for (int i = 1; i <= 3; ++i)
    EXPECT_EQ(std::get<TokenEvent>(job.engine->next(patience).value()).token, fake_token(1, i));
  EXPECT_TRUE(std::holds_alternative<DoneEvent>(job.engine->next(patience).value()));
}

TEST(OneRank, ItsErrorAndItsDeathAreSentences) {
  EXPECT_EQ(error_of([] { launch(launch_options(1, "load-error:0"), {}); }), "the tensor 'blk.0' is missing");
  EXPECT_EQ(error_of([] { launch(launch_options(1, "load-exit:0"), {}); }),
            "the engine ended with exit code 3");
  const Job job(1, "well");
  job.get_going();
  ::kill(job.pids[0], SIGKILL);
  EXPECT_EQ(job.death(), "the engine was ended by signal 9 (Killed)");
}

TEST(OneRank, AnExecutableThatIsNotThereIsAnError) {
  LaunchOptions options = launch_options(1, "well");
  options.executable = "/nonexistent/yoke";
  EXPECT_EQ(error_of([&] { launch(options, {}); }),
            "cannot start the engine: /nonexistent/yoke: No such file or directory");
  options.executable = "/etc/passwd";
  EXPECT_EQ(error_of([&] { launch(options, {}); }), "cannot execute /etc/passwd: Permission denied");
}

TEST_F(Jobs, RanksComputeTogetherAndLeaveNothingBehind) {
  for (const int ranks : {2, 3, 4}) {
    std::vector<pid_t> pids;
    {
      const Job job(ranks, "well");
      pids = job.pids;
      for (int round = 0; round < 2; ++round) {
        job.submit(3);
        for (int i = 1; i <= 3; ++i)
          EXPECT_EQ(std::get<TokenEvent>(job.engine->next(patience).value()).token, fake_token(ranks, i));
        EXPECT_TRUE(std::holds_alternative<DoneEvent>(job.engine->next(patience).value()));
      }
    }
    EXPECT_TRUE(all_disappear(pids));
  }
}

TEST_F(Jobs, IdleRanksUseNoProcessorTime) {
  const Job job(3, "well");
  job.submit(3);
  while (!std::holds_alternative<DoneEvent>(job.engine->next(patience).value())) continue;
  std::vector<double> before;
  for (const pid_t pid : job.pids) before.push_back(cpu_seconds(pid));
  const auto start = Clock::now();
  EXPECT_FALSE(job.engine->next(milliseconds(1500)));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  for (std::size_t r = 0; r < 3; ++r) {
    const double percent = 100 * (cpu_seconds(job.pids[r]) - before[r]) / seconds;
    RecordProperty("idle_percent_of_rank_" + std::to_string(r), std::to_string(percent));
    EXPECT_LT(percent, 5);
  }
}

TEST_F(Jobs, ARankThatIsKilledInMidRunEndsTheJobWithASentence) {
  for (const std::size_t victim : {0, 2}) {
    const Job job(3, "well");
    job.get_going();
    const auto start = Clock::now();
    ::kill(job.pids[victim], SIGKILL);
    EXPECT_THAT(job.death(), MatchesRegex("rank " + std::to_string(victim) + " \\(host .*, pid " +
                                          std::to_string(job.pids[victim]) + "\\) was lost.*"));
    EXPECT_TRUE(all_disappear(job.pids));
    EXPECT_LT(Clock::now() - start, death_limit);
  }
}

TEST_F(Jobs, ARankThatIsStoppedInMidRunEndsTheJobWithASentence) {
  for (const std::size_t victim : {0, 1}) {
    const Job job(3, "well");
    job.get_going();
    const auto start = Clock::now();
    ::kill(job.pids[victim], SIGSTOP);
    EXPECT_THAT(job.death(), MatchesRegex("rank " + std::to_string(victim) + " \\(host .*, pid " +
                                          std::to_string(job.pids[victim]) + "\\) stopped answering"));
    EXPECT_TRUE(all_disappear(job.pids));
    EXPECT_LT(Clock::now() - start, death_limit);
  }
}

TEST_F(Jobs, AStoppedFollowerOfAnIdleEngineIsNoticedToo) {
  const Job job(2, "well");
  ::kill(job.pids[1], SIGSTOP);
  EXPECT_THAT(job.death(), HasSubstr("stopped answering"));
  EXPECT_TRUE(all_disappear(job.pids));
}

TEST_F(Jobs, AJobThatIsStoppedAndContinuedAsAWholeLivesOn) {
  const Job job(3, "well");
  job.get_going();
  for (const pid_t pid : job.pids) ::kill(pid, SIGSTOP);
  // Longer than own_gap of the links, shorter than the starter's patience, which is not stopped here.
  ::poll(nullptr, 0, 1500);
  for (const pid_t pid : job.pids) ::kill(pid, SIGCONT);
  job.engine->cancel(7);
  for (;;) {
    const auto event = job.engine->next(patience);
    ASSERT_TRUE(event);
    if (std::holds_alternative<DoneEvent>(*event)) break;
  }
}

TEST_F(Jobs, ARankThatThrowsInMidRunEndsTheJobWithItsSentence) {
  const Job follower(3, "step-error:2");
  follower.submit(10);
  EXPECT_THAT(follower.death(), MatchesRegex("rank 2 on .*: a page was lost"));
  EXPECT_TRUE(all_disappear(follower.pids));
  const Job leader(2, "step-error:0");
  leader.submit(10);
  EXPECT_EQ(leader.death(), "a page was lost");
  EXPECT_TRUE(all_disappear(leader.pids));
}

TEST_F(Jobs, ARankThatHangsInAStepEndsTheJobWithASentence) {
  for (const int victim : {0, 2}) {
    const Job job(3, "hang:" + std::to_string(victim));
    job.submit(10);
    const auto start = Clock::now();
    EXPECT_THAT(job.death(), MatchesRegex("rank " + std::to_string(victim) +
                                          " on .* has been in op [0-9]+ for 1 s; the others wait for it"));
    EXPECT_TRUE(all_disappear(job.pids));
    EXPECT_LT(Clock::now() - start, death_limit);
  }
}

TEST_F(Jobs, ARankThatHangsWhileItLoadsEndsTheJobWithASentence) {
  EXPECT_THAT(error_of([] { launch(launch_options(3, "hang-load:1"), {}); }),
              MatchesRegex("rank 1 on .* has loaded nothing for 2 s; the others wait for it; .*"));
}

TEST(OneRank, ThatHangsInAStepIsNoticedByItsStarter) {
  const Job job(1, "hang:0");
  job.submit(10);
  EXPECT_THAT(job.death(), MatchesRegex(".* has been in op [0-9]+ for [0-9]+ s"));
  EXPECT_TRUE(all_disappear(job.pids));
}

TEST_F(Jobs, AnErrorAtLoadIsToldOnce) {
  EXPECT_EQ(error_of([] { launch(launch_options(3, "load-error:all"), {}); }),
            "the tensor 'blk.0' is missing");
  EXPECT_THAT(error_of([] { launch(launch_options(3, "load-error:1"), {}); }),
              MatchesRegex("rank 1 on .*: the tensor 'blk.0' is missing"));
  EXPECT_THAT(error_of([] { launch(launch_options(2, "load-exit:1"), {}); }),
              MatchesRegex("rank 1 \\(host .*\\) was lost.*"));
}

TEST_F(Jobs, WhatEveryRankFindsBeforeLoadingIsToldOfNoneHoweverLateRankZeroFindsIt) {
  EXPECT_EQ(error_of([] { launch(launch_options(3, "unfit"), {}); }), "the tensor 'blk.0' is missing");
}

TEST_F(Jobs, AModelThatDoesNotFitIsRefusedWithTheArithmetic) {
  EXPECT_THAT(error_of([] { launch(launch_options(2, "too-large"), {}); }),
              MatchesRegex("the model does not fit: 2 ranks on .* need 1.15 EB \\+ 1.15 EB = 2.31 EB.*"));
}

TEST_F(Jobs, ARankThatIsKilledOrStoppedAtLoadEndsTheStarter) {
  for (const int signal : {SIGKILL, SIGSTOP}) {
    SlowLoad job(3);
    const auto start = Clock::now();
    ::kill(job.pids[1], signal);
    const auto status = job.child.wait(patience);
    ASSERT_TRUE(status);
    EXPECT_LT(Clock::now() - start, death_limit);
    EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 1);
    EXPECT_THAT(job.child.output(),
                MatchesRegex("rank 1 \\(host .*, pid [0-9]+\\) (was lost|stopped answering).*\n"));
    EXPECT_TRUE(all_disappear(job.pids));
  }
}

TEST_F(Jobs, NothingSurvivesTheStartersDeath) {
  for (const bool loading : {true, false}) {
    for (const int ranks : {1, 3}) {
      std::unique_ptr<SlowLoad> slow;
      std::unique_ptr<system::ChildProcess> ready;
      std::vector<pid_t> pids;
      if (loading) {
        slow = std::make_unique<SlowLoad>(ranks);
        pids = slow->pids;
        slow->child.signal(SIGKILL);
      } else {
        ready = std::make_unique<system::ChildProcess>(
            std::vector<std::string>{YOKE_TEST_RANK, "launch", std::to_string(ranks), "well"},
            system::current_environment());
        while (ready->output().find('\n') == std::string::npos && ready->read_output()) ::poll(nullptr, 0, 5);
        std::istringstream printed(ready->output());
        for (pid_t pid = 0; printed >> pid;) pids.push_back(pid);
        ready->signal(SIGKILL);
      }
      EXPECT_EQ(std::ssize(pids), ranks);
      EXPECT_TRUE(all_disappear(pids));
    }
  }
}

TEST(OneRank, OfAnotherBuildIsASentenceWithBoth) {
  LaunchOptions options = launch_options(1, "well");
  options.build = {42, "c0ffee"};
  const std::string host = read_host_name();
  EXPECT_EQ(error_of([&] { launch(options, {}); }),
            fmt::format("{} runs yoke of protocol 42, commit c0ffee, but {} of {}; install the same on every "
                        "machine",
                        host, host, describe(system::this_build())));
}

TEST_F(Jobs, ARankOfAnotherBuildIsToldBeforeAnythingIsDecoded) {
  for (const int odd : {0, 2}) {
    LaunchOptions options = launch_options(3, "well");
    options.environment["YOKE_TEST_BUILD"] = fmt::format("{}:c0ffee", odd);
    const auto start = Clock::now();
    EXPECT_THAT(error_of([&] { launch(options, {}); }),
                testing::AllOf(HasSubstr("commit c0ffee"), HasSubstr(describe(system::this_build())),
                               HasSubstr("install the same on every machine")));
    EXPECT_LT(Clock::now() - start, death_limit);
  }
}

TEST_F(Jobs, WithoutMpirunTheErrorNamesThePackage) {
  LaunchOptions options = launch_options(2, "well");
  options.environment["PATH"] = "/nonexistent";
  std::string sentence;
  try {
    find_mpirun(options.environment);
    GTEST_SKIP() << "mpirun lies where it is looked for without PATH";
  } catch (const Error& error) {
    sentence = error.what();
  }
  EXPECT_THAT(sentence, HasSubstr("openmpi-bin"));
  EXPECT_EQ(error_of([&] { launch(options, {}); }), sentence);
}

TEST_F(Jobs, ThoseOfASlurmAllocationOrAnOuterMpirunStayOnThisMachine) {
  LaunchOptions options = launch_options(2, "well");
  options.environment["SLURM_JOBID"] = "3";
  options.environment["SLURM_JOB_ID"] = "3";
  options.environment["SLURM_NODELIST"] = "elsewhere";
  options.environment["PMIX_RANK"] = "0";
  options.environment["OMPI_COMM_WORLD_SIZE"] = "4";
  EXPECT_EQ(launch(options, {})->reports().size(), 2U);
}

/// The test program under an mpirun that is not ours: what it printed, and its exit code.
std::pair<std::string, int> run_under_mpirun(
    int ranks, const std::vector<std::string>& arguments,
    const system::Environment& environment = system::current_environment()) {
  LocalJob local;
  local.mpirun = find_mpirun(system::current_environment());
  local.as_root = ::geteuid() == 0;
  local.ranks = ranks;
  local.cores_shared = true;
  const system::RunDirectory directory;
  local.directory = directory.path();
  system::ChildProcess version({local.mpirun.native(), "--version"}, system::current_environment());
  version.wait(patience);
  local.major_version = parse_mpirun_version(version.output());
  std::vector<std::string> program{YOKE_TEST_RANK};
  program.insert(program.end(), arguments.begin(), arguments.end());
  system::ChildProcess child(mpirun_command(local, program), environment);
  const auto status = child.wait(patience);
  return {child.output(), status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1};
}

TEST_F(Jobs, CollectivesOverMpiGiveTheBitsOfTheThreadsTransport) {
  for (const int ranks : {1, 2, 3, 4}) {
    const auto [printed, code] = run_under_mpirun(ranks, {"collectives"});
    EXPECT_EQ(code, 0) << printed;
    EXPECT_THAT(printed, HasSubstr("collectives agree on " + std::to_string(ranks) + " ranks"));
  }
}

TEST_F(Jobs, AForeignMpirunsRanksJoin) {
  for (const int ranks : {1, 3}) {
    const auto [printed, code] = run_under_mpirun(ranks, {"join", std::to_string(ranks), "well"});
    EXPECT_EQ(code, 0) << printed;
    std::string expected;
    for (int i = 1; i <= 5; ++i) expected += fmt::format("token {}\n", fake_token(ranks, i));
    EXPECT_EQ(printed, expected);
  }
}

TEST_F(Jobs, AForeignMpirunsRanksTellAnErrorOnce) {
  for (const auto& [model, sentence] :
       {std::pair<std::string, std::string>{"load-error:1", "the tensor 'blk.0' is missing"},
        {"load-error:all", "the tensor 'blk.0' is missing"},
        {"step-error:2", "a page was lost"},
        {"step-error:0", "a page was lost"},
        {"hang:0", "has been in op"},
        {"hang:2", "has been in op"}}) {
    const auto start = Clock::now();
    const auto [printed, code] = run_under_mpirun(3, {"join", "3", model}, environment_for(model));
    EXPECT_NE(code, 0);
    EXPECT_LT(Clock::now() - start, death_limit);
    const auto first = printed.find(sentence);
    ASSERT_NE(first, std::string::npos) << printed;
    EXPECT_EQ(printed.find(sentence, first + 1), std::string::npos) << printed;
  }
}

TEST_F(Jobs, AForeignMpirunsRankOfAnotherBuildIsToldOnce) {
  system::Environment environment = system::current_environment();
  environment["YOKE_TEST_BUILD"] = "1:c0ffee";
  const auto [printed, code] = run_under_mpirun(3, {"join", "3", "well"}, environment);
  EXPECT_NE(code, 0);
  const auto first = printed.find("commit c0ffee");
  ASSERT_NE(first, std::string::npos) << printed;
  EXPECT_EQ(printed.find("commit c0ffee", first + 1), std::string::npos) << printed;
}

TEST_F(Jobs, RanksThatMpiDoesNotConnectAreAnError) {
  const auto [printed, code] = run_under_mpirun(2, {"join", "3", "well"});
  EXPECT_NE(code, 0);
  EXPECT_THAT(printed, HasSubstr("the job has 3 ranks, but MPI connects 2"));
}

}  // namespace
}  // namespace yoke::cluster
