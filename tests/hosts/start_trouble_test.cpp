#include "hosts/start_trouble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "hosts/run_folder.h"
#include "hosts/run_processes.h"
#include "system/child_process.h"

namespace yoke::hosts {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

NamedHost node2() {
  NamedHost host;
  host.host.name = "10.0.0.2";
  host.name = "node2";
  return host;
}

TEST(StartTrouble, IsNoneOnAHostThatAnswersAndHasNothingStopped) {
  RemoteResult result;
  result.exit_code = 0;
  EXPECT_EQ(start_trouble_of(node2(), "yoke", result), "");
}

TEST(StartTrouble, IsAHostThatDoesNotAnswer) {
  RemoteResult silent;
  silent.timed_out = true;
  EXPECT_THAT(start_trouble_of(node2(), "yoke", silent),
              StartsWith("node2 was lost while its rank started: "));
  RemoteResult unreachable;
  unreachable.exit_code = 255;
  unreachable.errors = "ssh: connect to host 10.0.0.2 port 22: Connection timed out\n";
  EXPECT_EQ(start_trouble_of(node2(), "yoke", unreachable), start_trouble_of(node2(), "yoke", silent));
  RemoteResult gone;
  gone.exit_code = 127;
  gone.errors = "sh: 1: yoke: not found\n";
  EXPECT_THAT(start_trouble_of(node2(), "yoke", gone), HasSubstr("there is no yoke at yoke on 10.0.0.2"));
}

TEST(StartTrouble, IsAProcessThatIsStopped) {
  RemoteResult result;
  result.exit_code = 0;
  result.output = "4711 yoke\n4712 orted\n";
  const std::string sentence = start_trouble_of(node2(), "yoke", result);
  EXPECT_THAT(sentence, HasSubstr("node2"));
  EXPECT_THAT(sentence, HasSubstr("yoke, process 4711"));
}

TEST(StartTrouble, FindsTheStoppedProcessesOfARun) {
  const std::string run = make_run_name();
  system::ChildProcess rank(
      {"/bin/sh", "-c", "kill -STOP $$; read line", "engine", run_folder(run).native() + "/key"},
      system::current_environment(), {.input = true});
  std::vector<StoppedProcess> stopped;
  while ((stopped = stopped_processes(run)).empty() && runs_here(run)) {
  }
  ASSERT_EQ(stopped.size(), 1U);
  EXPECT_EQ(stopped[0].program, "sh");
  EXPECT_EQ(::kill(stopped[0].pid, SIGCONT), 0);
  while (!stopped_processes(run).empty()) {
  }
  EXPECT_TRUE(runs_here(run));
}

}  // namespace
}  // namespace yoke::hosts
