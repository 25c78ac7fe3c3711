#include "hosts/run_processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "hosts/run_folder.h"

namespace yoke::hosts {
namespace {

/// A shell that does nothing, whose command line names the run's folder.
class Resident {
 public:
  explicit Resident(const std::string& run) : pid_(::fork()) {
    const std::string folder = run_folder(run).native();
    if (pid_ != 0) return;
    ::execl("/bin/sh", "sh", "-c", "kill -STOP $$", folder.c_str(), nullptr);
    ::_exit(127);
  }
  ~Resident() { end(); }
  Resident(const Resident&) = delete;
  Resident& operator=(const Resident&) = delete;

  void wait_until_stopped() const { ::waitpid(pid_, nullptr, WUNTRACED); }
  /// The signal that has ended it.
  int end_of() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  pid_t pid() const { return pid_; }

 private:
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid_;
};

TEST(RunProcesses, AreThoseWhoseCommandLineNamesTheFolder) {
  const std::string run = make_run_name();
  EXPECT_FALSE(runs_here(run));
  Resident resident(run);
  resident.wait_until_stopped();
  EXPECT_TRUE(runs_here(run));
  EXPECT_FALSE(runs_here(make_run_name()));
  const std::vector<StoppedProcess> stopped = stopped_processes(run);
  ASSERT_EQ(stopped.size(), 1U);
  EXPECT_EQ(stopped.front().pid, resident.pid());
  EXPECT_EQ(stopped.front().program, "sh");
  kill_processes_of_run(run);
  EXPECT_EQ(resident.end_of(), SIGKILL);
  EXPECT_FALSE(runs_here(run));
}

TEST(RunProcesses, AreLookedForWhileOthersEnd) {
  const std::jthread storm([](const std::stop_token& over) {
    while (!over.stop_requested()) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(0);
      ::waitpid(child, nullptr, 0);
    }
  });
  const std::string run = make_run_name();
  for (int look = 0; look < 2000; ++look) ASSERT_FALSE(runs_here(run));
}

}  // namespace
}  // namespace yoke::hosts
