#include "hosts/remote.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>

#include "common/scratch.h"

namespace yoke::hosts {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr milliseconds patience{20'000};
const system::Environment environment{{"PATH", "/usr/bin:/bin"}};

/// Runs what it is told here, whatever the host: "agent HOST COMMAND".
class Remote : public testing::Test {
 protected:
  Remote() {
    ::chmod(folder.write("agent", "#!/bin/sh\nHOST=$1; export HOST; shift; exec /bin/sh -c \"$*\"\n").c_str(),
            0755);
  }
  std::vector<RemoteResult> run(const std::vector<RemoteCommand>& commands, milliseconds limit = patience,
                                int at_once = most_calls) {
    return run_on_all(SshCommand((folder / "agent").native(), "", environment), environment, commands, limit,
                      at_once);
  }
  static RemoteCommand shell(const std::string& host, const std::string& script,
                             const std::string& input = "") {
    return {parse_host(host, "test"), {"sh", "-c", script}, input};
  }
  ScratchFolder folder;
};

TEST_F(Remote, GivesTheResultsInOrder) {
  std::vector<RemoteCommand> commands;
  for (int i = 0; i < 20; ++i)
    commands.push_back(shell(fmt::format("h{}", i), "echo $HOST; echo no >&2; exit 3"));
  const auto results = run(commands);
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].output, fmt::format("h{}\n", i));
    EXPECT_EQ(results[i].errors, "no\n");
    EXPECT_EQ(results[i].exit_code, 3);
    EXPECT_LE(results[i].began, results[i].ended);
  }
}

TEST_F(Remote, GivesEachItsInput) {
  const std::string much(3'000'000, 'x');
  const auto results = run({shell("a", "wc -c", much), shell("b", "read line; echo got $line", "a key\n"),
                            shell("c", "exit 0", much), shell("d", "cat")});
  EXPECT_EQ(results[0].output, "3000000\n");
  EXPECT_EQ(results[1].output, "got a key\n");
  EXPECT_EQ(results[2].exit_code, 0);
  EXPECT_EQ(results[3].output, "");
}

TEST_F(Remote, ThatHangsIsEndedAndHoldsUpNobody) {
  const auto begin = std::chrono::steady_clock::now();
  const auto results = run({shell("a", "echo begun; sleep 1000"), shell("b", "echo b")}, milliseconds{1500});
  EXPECT_TRUE(results[0].timed_out);
  EXPECT_EQ(results[0].exit_code, -1);
  EXPECT_EQ(results[0].output, "begun\n");
  EXPECT_EQ(results[1].output, "b\n");
  EXPECT_FALSE(results[1].timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

TEST_F(Remote, WhoseHeirKeepsItsPipesOpenEndsAllTheSame) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run({shell("a", "sleep 15 & echo done")})[0].output, "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(Remote, PrintsNoMoreThanIsKept) {
  const auto results = run({shell("a", "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2")});
  EXPECT_TRUE(results[0].output_cut);
  EXPECT_LT(results[0].output.size() + results[0].errors.size(), 2'000'000u);
}

TEST_F(Remote, IsCalledForNoMoreThanSoManyAtOnce) {
  const std::string count =
      fmt::format("mkdir {0}/$$; ls -d {0}/[0-9]* | wc -l; sleep 0.05; rmdir {0}/$$", folder.path().native());
  for (const RemoteResult& result : run(std::vector<RemoteCommand>(12, shell("a", count)), patience, 3))
    EXPECT_LE(std::stoi(result.output), 3);
}

RemoteResult failed(int exit_code, std::string errors) {
  return {exit_code, false, "", false, std::move(errors), 0, 0};
}

TEST(Explanation, NamesTheHostAndARemedy) {
  struct Case {
    int exit_code;
    const char* errors;
    const char* sentence;
    const char* remedy;
  };
  const Case cases[] = {
      {255, "ssh: Could not resolve hostname node3: Name or service not known\r\n",
       "the name node3 is not known", "/etc/hosts"},
      {255, "ssh: connect to host node3 port 22: No route to host\r\n", "no route to node3", "switched on"},
      {255, "ssh: connect to host node3 port 22: Connection refused\r\n", "no sshd listens",
       "openssh-server"},
      {255, "ssh: connect to host node3 port 22: Connection timed out\r\n", "node3 did not answer ssh",
       "firewall"},
      {255, "Host key verification failed.\r\n", "does not know the host key of node3", "ssh ann@node3 once"},
      {255, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.\r\n",
       "the host key of node3 is not the one", "ssh-keygen -R node3"},
      {255, "ann@node3: Permission denied (publickey,password).\r\n", "ssh needs a password on node3",
       "ssh-copy-id ann@node3"},
      {127, "sh: 1: /opt/yoke: not found\n", "there is no yoke at /opt/yoke on node3", "--yoke PATH"},
      {127, "bash: line 1: /opt/yoke: No such file or directory\n", "there is no yoke at /opt/yoke",
       "--yoke PATH"},
      {1, "/opt/yoke: Command not found.\n", "there is no yoke at /opt/yoke", "--yoke PATH"},
      {126, "bash: line 1: /opt/yoke: Permission denied\n", "/opt/yoke on node3 cannot be executed",
       "chmod +x"},
      {126, "bash: /opt/yoke: cannot execute binary file: Exec format error\n", "another kind of processor",
       "build yoke"},
      {127,
       "/opt/yoke: error while loading shared libraries: libmpi.so.40: cannot open shared object file: No "
       "such "
       "file or directory\n",
       "a library is missing", "openmpi-bin"},
      {2, "yoke: there is no command 'survey'; there are run, info\n", "is of another version",
       "--yoke PATH"},
      {1, "Welcome!\nyoke: the run folder is not ours\n", "node3: the run folder is not ours", ""},
      {255, "strange\x1b[31m words\n", "ended with 255: it said 'strange\\x1b[31m words'",
       "try ssh ann@node3"},
  };
  for (const Case& each : cases) {
    const auto trouble =
        explain(parse_host("ann@node3", "test"), "/opt/yoke", failed(each.exit_code, each.errors));
    ASSERT_TRUE(trouble) << each.errors;
    EXPECT_THAT(trouble->sentence, HasSubstr(each.sentence));
    EXPECT_THAT(trouble->remedy, HasSubstr(each.remedy));
  }
}

TEST(Explanation, OfAHostThatIsSilent) {
  RemoteResult result = failed(-1, "");
  result.timed_out = true;
  EXPECT_THAT(explain(parse_host("a", "test"), "yoke", result)->sentence,
              HasSubstr("did not answer in time"));
  EXPECT_FALSE(explain(parse_host("a", "test"), "yoke", failed(0, "Warning: Permission denied (\n")));
}

}  // namespace
}  // namespace yoke::hosts
