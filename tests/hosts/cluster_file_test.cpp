#include "hosts/cluster_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::hosts {
namespace {

using testing::HasSubstr;

HostList parse(std::string_view text, Trust trust = Trust::anybody) {
  return parse_cluster_file(text, trust, "c.toml");
}

TEST(ClusterFile, ListsHostsAsOnTheCommandLine) {
  const HostList list = parse("network = '10.0.0.0/24'\nuser = 'ann'\nhosts = ['a', 'bob@b:2']\n");
  EXPECT_EQ(list.network, "10.0.0.0/24");
  ASSERT_EQ(list.hosts.size(), 2u);
  EXPECT_EQ(destination(list.hosts[0]), "ann@a");
  EXPECT_EQ(destination(list.hosts[1]), "bob@b");
  EXPECT_EQ(list.hosts[1].slots, 2);
}

TEST(ClusterFile, GivesEachHostItsOwnOrWhatAllHave) {
  const HostList list = parse(R"(
yoke = "/opt/yoke"
threads = 8
weight = 2.5
[[hosts]]
name = "a"
slots = 2
memory = "64GB"
cache_dir = "/var/cache/my yoke"
[[hosts]]
name = "fd00::1"
yoke = "/usr/bin/yoke"
model = "/m.gguf"
threads = 4
user = "ann"
)");
  ASSERT_EQ(list.hosts.size(), 2u);
  const Host &a = list.hosts[0], &b = list.hosts[1];
  EXPECT_EQ(a.yoke, "/opt/yoke");
  EXPECT_EQ(a.threads, 8);
  EXPECT_EQ(a.slots, 2);
  EXPECT_EQ(a.memory, 64'000'000'000u);
  EXPECT_EQ(a.cache_dir, "/var/cache/my yoke");
  EXPECT_EQ(a.weight, 2.5);
  EXPECT_EQ(b.yoke, "/usr/bin/yoke");
  EXPECT_EQ(b.model, "/m.gguf");
  EXPECT_EQ(b.threads, 4);
  EXPECT_EQ(b.weight, 2.5);
  EXPECT_EQ(destination(b), "ann@fd00::1");
}

TEST(ClusterFile, RefusesWithPlaceAndRemedy) {
  const std::pair<const char*, const char*> cases[] = {
      {"hosts = [", "c.toml, line 1: is no TOML: "},
      {"[{", "c.toml, line 1: is no TOML: "},
      {"[hösts]", "c.toml, line 1: is no TOML: "},
      {"hosts = ['ä', 'ä']", "is no host; expected a name"},
      {"", "c.toml: names no hosts"},
      {"hosts = []", "c.toml: names no host"},
      {"hosts = 'a'", "c.toml, line 1: the value of 'hosts' is not a list"},
      {"hosts = [1]", "the value of 'hosts' is not a list of strings and tables"},
      {"hosts = ['a', 'a']", "a is named twice"},
      {"hosts = ['-x']", "would take it for a flag"},
      {"hosts = ['a']\nnetworks = 'x'",
       "c.toml, line 2: there is no key 'networks'; the nearest is 'network'"},
      {"[[hosts]]\nname = 'a'\nslot = 2", "c.toml, line 3: there is no key 'slot'; the nearest is 'slots'"},
      {"[[hosts]]\nslots = 2", "a host has no 'name'"},
      {"[[hosts]]\nname = 'a'\nslots = 0", "0 is out of range for 'slots', which is from 1 to 1024"},
      {"[[hosts]]\nname = 'a'\nssh = 'x'", "there is no key 'ssh'"},
      {"hosts = ['a']\nnetwork = '10.0.0.0'", "c.toml, line 2: '10.0.0.0' is no network"},
      {"hosts = ['a']\nweight = inf", "out of range for 'weight'"},
      {"hosts = ['a']\nweight = nan", "out of range for 'weight'"},
      {"hosts = ['a']\nweight = 0", "out of range for 'weight'"},
      {"hosts = ['a']\nweight = '1'", "the value of 'weight' is not a number"},
      {"[[hosts]]\nname = 'a'\n[[hosts]]\nname = 'b'\nweight = 2",
       "c.toml: b has a 'weight' and a has none; give one to every host, or to none"},
      {"hosts = ['a']\nthreads = 1.5", "the value of 'threads' is not a whole number"},
      {"hosts = ['a']\nmemory = 'much'", "c.toml, line 2: 'much' is no size"},
      {"hosts = ['a']\nmemory = 64", "the value of 'memory' is not a string"},
      {"hosts = ['a']\nyoke = \"/x\\ny\"", "'/x\\x0ay' is no path that can be used as 'yoke'"},
      {"hosts = ['a']\nyoke = '-x'", "is no path"},
      {"hosts = ['a']\nuser = '-l'", "would take it for a flag"},
  };
  for (const auto& [text, sentence] : cases)
    EXPECT_THAT(error_of([&] { parse(text); }), HasSubstr(sentence)) << text;
}

TEST(ClusterFile, TakesCommandsFromTheUsersOwnConfigurationAlone) {
  constexpr const char* text = "ssh = 'ssh -p 2222'\nhosts = ['a']\n";
  EXPECT_EQ(parse(text, Trust::own_configuration).ssh, "ssh -p 2222");
  EXPECT_THAT(error_of([&] { parse(text); }), HasSubstr("c.toml, line 1: 'ssh' is a command"));
}

TEST(ClusterFile, ThatOthersCanWriteIsNotTrusted) {
  const ScratchFolder folder;
  const auto path = folder.write("cluster.toml", "ssh = 'x'\nhosts = ['a']\n");
  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(read_cluster_file(path, Trust::own_configuration).ssh, "x");
  ::chmod(path.c_str(), 0664);
  EXPECT_THAT(error_of([&] { read_cluster_file(path, Trust::own_configuration); }),
              HasSubstr("others can write it"));
  EXPECT_THAT(error_of([&] { read_cluster_file(folder / "none", Trust::anybody); }),
              HasSubstr("cannot be opened"));
}

TEST(ClusterFile, OfTheUserLiesInTheConfigurationFolder) {
  EXPECT_EQ(own_cluster_file({{"HOME", "/h"}}), "/h/.config/yoke/cluster.toml");
  EXPECT_EQ(own_cluster_file({{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/c"}}), "/c/yoke/cluster.toml");
  EXPECT_EQ(own_cluster_file({{"HOME", "/h"}, {"XDG_CONFIG_HOME", "relative"}}),
            "/h/.config/yoke/cluster.toml");
  EXPECT_EQ(own_cluster_file({}), "");
}

}  // namespace
}  // namespace yoke::hosts
