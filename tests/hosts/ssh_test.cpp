#include "hosts/ssh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/error_of.h"
#include "common/scratch.h"
#include "system/child_process.h"

namespace yoke::hosts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::chrono::seconds patience{20};

/// Words that a shell would make something else of.
const std::vector<std::string> hostile{
    "plain",      "",      "two words", "it's",   "$HOME", "$(touch x)",   "`id`",  "a;b",
    "a&b|c>d<e",  "\\",    "\\'",       "a\\\\b", "!!",    "'!'",          "*?[a]", "#no comment",
    "\"quoted\"", "~root", "{a,b}",     "=ls",    "%1",    "\xc3\xa4 \xff"};

std::string printed_by(const std::string& shell, const std::string& line) {
  system::ChildProcess child({shell, "-c", line}, {{"PATH", "/usr/bin:/bin"}, {"HOME", "/home of mine"}});
  child.wait(patience);
  return child.output();
}

TEST(Quoting, GivesEveryShellTheWordItself) {
  std::vector<std::string> command{"printf", "%s\n"};
  command.insert(command.end(), hostile.begin(), hostile.end());
  std::string expected;
  for (const std::string& word : hostile) expected += word + "\n";
  int tried = 0;
  for (const char* shell : {"/bin/sh", "/bin/bash", "/bin/zsh", "/usr/bin/fish", "/bin/csh", "/bin/tcsh"}) {
    if (::access(shell, X_OK) != 0) continue;
    command[1] = "%s\\n";  // a backslash that printf reads
    EXPECT_EQ(printed_by(shell, quote_for_shell(command)), expected) << shell;
    ++tried;
  }
  EXPECT_GT(tried, 0);
}

TEST(Quoting, LeavesTheHomeFolderToTheShell) {
  EXPECT_EQ(printed_by("/bin/sh", "echo " + quote_for_shell("~/my $yoke")), "/home of mine/my $yoke\n");
}

TEST(Quoting, RefusesWhatNoQuotesHold) {
  EXPECT_THAT(error_of([] { quote_for_shell("a\nb"); }), HasSubstr("'a\\x0ab' has a control character"));
  EXPECT_THAT(error_of([] { quote_for_shell(std::string("a\0b", 3)); }), HasSubstr("control character"));
}

TEST(Words, AreSplitAsAShellWouldWithoutOne) {
  EXPECT_THAT(split_words("  ssh -p 2222  -i 'my key' -o \"A=b c\" a\\ b '' x'y'z "),
              ElementsAre("ssh", "-p", "2222", "-i", "my key", "-o", "A=b c", "a b", "", "xyz"));
  EXPECT_THAT(split_words("a '\\' \"\\\"\\x\" $HOME"), ElementsAre("a", "\\", "\"\\x", "$HOME"));
  EXPECT_THAT(split_words(""), ElementsAre());
  EXPECT_THAT(error_of([] { split_words("a 'b"); }), HasSubstr("has a quote (') without its end"));
}

class Ssh : public testing::Test {
 protected:
  /// A program in PATH.
  void add_program(const std::string& name, const std::string& script) {
    ::chmod(folder.write(name, "#!/bin/sh\n" + script).c_str(), 0755);
  }
  SshCommand command(const std::string& line, const std::string& run_folder = "") {
    return {line, run_folder, {{"PATH", folder.path().native()}}};
  }
  ScratchFolder folder;
};

TEST_F(Ssh, OfOpenSshAsksNothingAndSharesConnections) {
  add_program("ssh", "echo OpenSSH_9.2p1 >&2");
  const auto words = command("", "/run/it").on(parse_host("ann@node", "test"), {"a b", "c"});
  EXPECT_EQ(words.front(), (folder / "ssh").native());
  EXPECT_THAT(words, testing::IsSupersetOf({"BatchMode=yes", "ConnectTimeout=2", "ControlMaster=auto",
                                            "ControlPath=\"/run/it/%C\"", "ControlPersist=5"}));
  EXPECT_THAT(std::vector(words.end() - 4, words.end()), ElementsAre("-l", "ann", "node", "'a b' c"));
  EXPECT_THAT(command("").on(parse_host("a", "test"), {"x"}),
              testing::Not(testing::Contains("ControlMaster=auto")));
  EXPECT_THAT(command("").end_of(parse_host("a", "test")), ElementsAre());
  EXPECT_THAT(command("", "/run/it").end_of(parse_host("a", "test")), testing::Contains("exit"));
}

TEST_F(Ssh, IsFoundBehindWhatCallsIt) {
  add_program("ssh", "echo OpenSSH_9.2p1 >&2");
  add_program("ip", "exit 1");
  EXPECT_TRUE(command("ip netns exec a ssh -p 2222").is_openssh());
  EXPECT_FALSE(command("ip --log ssh").is_openssh());
}

TEST_F(Ssh, OfOthersGetsNoOptions) {
  add_program("ssh", "echo Dropbear v2022.83");
  add_program("agent", "exit 1");
  EXPECT_THAT(command("agent 'my arg'", "/run").on(parse_host("ann@a", "test"), {"x"}),
              ElementsAre((folder / "agent").native(), "my arg", "-l", "ann", "a", "x"));
  EXPECT_FALSE(command("").is_openssh());
}

TEST_F(Ssh, ThatIsNotThereIsRefused) {
  EXPECT_THAT(error_of([&] { command("nosuch -x"); }),
              HasSubstr("--ssh: the program nosuch is not to be found"));
  EXPECT_THAT(error_of([&] { command(""); }), HasSubstr("(package openssh-client)"));
  EXPECT_THAT(error_of([&] { command("''"); }), HasSubstr("names no program"));
}

}  // namespace
}  // namespace yoke::hosts
