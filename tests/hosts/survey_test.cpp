#include "hosts/survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::hosts {
namespace {

using testing::HasSubstr;

TEST(Survey, TellsOfThisMachine) {
  const Survey survey = take_survey({});
  EXPECT_FALSE(survey.host.empty());
  EXPECT_FALSE(survey.architecture.empty());
  EXPECT_EQ(survey.isas.back(), "scalar");
  EXPECT_GT(survey.cores, 0);
  EXPECT_FALSE(survey.core_kinds.empty());
  EXPECT_GE(survey.memory_total, survey.memory_available);
  EXPECT_GT(survey.memory_available, 0u);
  EXPECT_GT(survey.network_namespace, 0u);
  EXPECT_EQ(survey.user_id, ::geteuid());
  EXPECT_GT(survey.clock, 1.6e9);
  EXPECT_TRUE(std::any_of(survey.interfaces.begin(), survey.interfaces.end(),
                          [](const Interface& each) { return each.kind == InterfaceKind::loopback; }));
  EXPECT_TRUE(survey.model.path.empty() && survey.cache.path.empty());
}

TEST(Survey, LooksAtTheModelAndTheCacheFolder) {
  const ScratchFolder folder;
  const Survey found = take_survey({folder.write("m.gguf", "12345"), folder / "new" / "cache"});
  EXPECT_TRUE(found.model.readable);
  EXPECT_EQ(found.model.bytes, 5u);
  EXPECT_TRUE(found.cache.usable);
  EXPECT_GT(found.cache.free_bytes, 0u);
  EXPECT_FALSE(std::filesystem::exists(folder / "new"));  // asking makes nothing
  const Survey lacking = take_survey({folder / "none.gguf", folder / "m.gguf" / "cache"});
  EXPECT_FALSE(lacking.model.readable);
  EXPECT_EQ(lacking.model.why_not, "No such file or directory");
  EXPECT_FALSE(lacking.cache.usable);
  EXPECT_THAT(lacking.cache.why_not, HasSubstr("m.gguf is no folder"));
  EXPECT_EQ(take_survey({folder.path(), ""}).model.why_not, "it is no file");
}

TEST(Survey, ReadsSwapLoadAndGovernor) {
  const ScratchFolder root;
  std::filesystem::create_directories(root / "proc");
  std::filesystem::create_directories(root / "sys/devices/system/cpu/cpu0/cpufreq");
  root.write("proc/meminfo",
             "MemTotal: 1000 kB\nMemAvailable: 500 kB\nSwapTotal:  100 kB\nSwapFree:    40 kB\n");
  root.write("proc/loadavg", "1.75 0.50 0.25 2/300 12345\n");
  root.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  root.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", "intel_pstate\n");
  const Survey survey = take_survey({}, root.path());
  EXPECT_EQ(survey.swap_used, 60u * 1024);
  EXPECT_EQ(survey.memory_available, 500u * 1024);
  EXPECT_EQ(survey.load, 1.75);
  EXPECT_EQ(survey.governor, "powersave");
  EXPECT_EQ(survey.frequency_driver, "intel_pstate");
}

TEST(SurveyText, ComesBackAsItWas) {
  Survey survey = take_survey({"/no such \xff model\n", "/tmp"});
  survey.open_mpi_has_ucx = !survey.open_mpi_has_ucx;
  survey.rdma_ports = {{"mlx5_0/1", "Ethernet", "ACTIVE", 100, {"eth1"}, "/dev/infiniband/uverbs0", true}};
  const std::string text = write_survey(survey);
  EXPECT_EQ(text.substr(0, text.find('\n')), system::first_line(system::this_build()));
  const SurveyAnswer answer = parse_survey("Welcome to node3!\r\nyoke is fun\n" + text);
  EXPECT_EQ(answer.build, system::this_build());
  EXPECT_EQ(answer.survey.host, survey.host);
  EXPECT_EQ(answer.survey.interfaces, survey.interfaces);
  EXPECT_EQ(answer.survey.rdma_ports, survey.rdma_ports);
  EXPECT_EQ(answer.survey.open_mpi_has_ucx, survey.open_mpi_has_ucx);
  EXPECT_EQ(answer.survey.clock, survey.clock);
  EXPECT_EQ(answer.survey.memory_total, survey.memory_total);
  EXPECT_EQ(answer.survey.cache.free_bytes, survey.cache.free_bytes);
}

TEST(SurveyText, OfAnotherBuildIsNotReadOn) {
  const SurveyAnswer answer = parse_survey("yoke 99 abc\nwhatever that one says");
  EXPECT_EQ(answer.build, (system::BuildId{99, "abc"}));
  EXPECT_TRUE(answer.survey.host.empty());
}

/// The survey of this machine with one text in it replaced.
std::string replaced(const std::string& what, const std::string& by) {
  std::string text = write_survey(take_survey({}));
  const std::size_t found = text.find(what);
  EXPECT_NE(found, std::string::npos) << what;
  return text.replace(found, what.size(), by);
}

TEST(SurveyText, OfAHostileHostIsRefusedWithASentence) {
  const std::string line = system::first_line(system::this_build()) + "\n";
  const std::pair<std::string, const char*> cases[] = {
      {"", "expected the answer of yoke survey, but found nothing"},
      {"Last login: \x1b[31m today\n", "but found 'Last login: \\x1b[31m today\\x0a'"},
      {line, "its survey is no JSON: ''"},
      {line + "[]", "its survey is no object"},
      {line + "{}", "its survey has no 'host'"},
      {line + "{\"a\":", "is no JSON"},
      {line + std::string(100'000, '['), "is no JSON"},
      {write_survey(take_survey({})) + "logout", "is no JSON"},
      {std::string(longest_survey + 1, 'x'), "answered with 262145 bytes"},
      {replaced("\"cores\":", "\"cores\":99999999999999999"), "out of range"},
      {replaced("\"cores\":", "\"cores\":-1e3"), "no whole number"},
      {replaced("\"host\":\"", "\"host\":\"a\\u001b[2J"), "its survey.host has a control character"},
      {replaced("\"host\":\"", "\"host\":\"" + std::string(5000, 'x')), "its survey.host has 50"},
      {replaced("\"load\":", "\"more\":1,\"load\":"), "has fields that are not known"},
      {replaced("\"up\":", "\"up\":1,\"u\":"), "is neither true nor false"},
      {replaced("\"kind\":", "\"kind\":77,\"k\":"), "out of range"},
  };
  for (const auto& [text, sentence] : cases)
    EXPECT_THAT(error_of([&, &answer = text] { parse_survey(answer); }), HasSubstr(sentence))
        << text.substr(0, 200);
}

}  // namespace
}  // namespace yoke::hosts
