#include "cluster/agent_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "system/child_process.h"
#include "system/environment.h"
#include "system/run_directory.h"

namespace yoke::cluster {
namespace {

using std::chrono::seconds;

hosts::Host host(const std::string& name, const std::string& user) {
  hosts::Host host;
  host.name = name;
  host.user = user;
  return host;
}

/// A script whose ssh is `echo`, and what it prints when called with these arguments.
class AgentScript : public testing::Test {
 protected:
  std::string call(const std::vector<std::string>& arguments,
                   const std::string& program = "echo 'one word'") {
    const system::Environment environment = system::current_environment();
    const hosts::SshCommand ssh(program, {}, environment);
    const std::filesystem::path path = directory_.path() / "agent";
    std::ofstream(path) << agent_script(
        ssh, {{"10.0.0.1", host("node1", "")}, {"10.0.0.2", host("node2.lan", "ann")}});
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    std::vector<std::string> command{path.native()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    system::ChildProcess child(command, environment);
    const auto status = child.wait(seconds{20});
    EXPECT_TRUE(status.has_value());
    status_ = status.value_or(-1);
    return child.output();
  }

  const system::RunDirectory directory_{std::filesystem::path(testing::TempDir())};
  int status_ = 0;
};

TEST_F(AgentScript, CallsSshWithTheNameBehindTheAddress) {
  EXPECT_EQ(call({"10.0.0.1", "orted -mca a b", "c"}), "one word node1 orted -mca a b c\n");
  EXPECT_EQ(call({"10.0.0.2", "orted"}), "one word -l ann node2.lan orted\n");
  EXPECT_EQ(status_, 0);
}

TEST_F(AgentScript, TellsHowACommandHasEnded) {
  EXPECT_EQ(call({"10.0.0.2", "orted"}, "false"), "yoke agent: 10.0.0.2 1\n");
  EXPECT_EQ(status_, 1 << 8);
}

TEST_F(AgentScript, RefusesAnAddressThatIsNoHosts) {
  EXPECT_THAT(call({"10.0.0.3", "orted"}), testing::HasSubstr("10.0.0.3"));
  EXPECT_EQ(status_, 255 << 8);
}

}  // namespace
}  // namespace yoke::cluster
