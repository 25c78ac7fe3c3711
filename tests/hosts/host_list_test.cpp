#include "hosts/host_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::hosts {
namespace {

using testing::HasSubstr;

TEST(HostList, NamesHostsWithUsersAndSlots) {
  const auto hosts = parse_hosts("host1,host2:2,user@h3,ann@[fe80::1%eth0]:3,[::1]");
  ASSERT_EQ(hosts.size(), 5u);
  EXPECT_EQ(hosts[0].name, "host1");
  EXPECT_EQ(hosts[0].slots, 1);
  EXPECT_EQ(hosts[1].slots, 2);
  EXPECT_EQ(destination(hosts[2]), "user@h3");
  EXPECT_EQ(destination(hosts[3]), "ann@fe80::1%eth0");
  EXPECT_EQ(hosts[3].slots, 3);
  EXPECT_EQ(destination(hosts[4]), "::1");
  EXPECT_EQ(format_hosts(hosts), "host1,host2:2,user@h3,ann@[fe80::1%eth0]:3,[::1]");
}

TEST(HostList, RefusesWithOneSentence) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "names no host"},
      {"a,,b", "a host's name is empty"},
      {"a,", "a host's name is empty"},
      {":2", "a host's name is empty"},
      {"@a", "a user's name is empty"},
      {"a,b,a", "a is named twice"},
      {"a,b@a", "a is named twice"},
      {"-oProxyCommand=x", "would take it for a flag"},
      {"x@-oProxyCommand=x", "would take it for a flag"},
      {"-x@a", "would take it for a flag"},
      {"a:0", "0 slots; a host has from 1"},
      {"a:-1", "-1 slots"},
      {"a:1025", "1025 slots"},
      {"a:", "'' is no number of slots"},
      {"a:2x", "'2x' is no number of slots"},
      {"a:99999999999999999999", "is no number of slots"},
      {"a:1000,b:1000", "2000 slots together"},
      {"fe80::1", "brackets, like [fe80::1]"},
      {"[fe80::1", "without its ']'"},
      {"[fe80::1]2", "goes on behind its ']'"},
      {"[node1]", "no IPv6 address"},
      {"a b", "'a b' is no host"},
      {"a, b", "' b' is no host"},
      {"a\nb", "'a\\x0ab' is no host"},
      {"$(id)", "is no host"},
      {"a;b", "is no host"},
      {"ann smith@a", "is no user's name"},
  };
  for (const auto& [list, sentence] : cases)
    EXPECT_THAT(error_of([&] { parse_hosts(list); }),
                testing::AllOf(testing::StartsWith("--hosts: "), HasSubstr(sentence)))
        << list;
}

TEST(HostList, HasNoMoreThan1024Hosts) {
  std::string list = "h0";
  for (int i = 1; i < 1024; ++i) list += ",h" + std::to_string(i);
  EXPECT_EQ(parse_hosts(list).size(), 1024u);
  EXPECT_THAT(error_of([&] { parse_hosts(list + ",more"); }),
              HasSubstr("names 1025 hosts; 1024 are the most"));
  EXPECT_THAT(error_of([&] { parse_hosts(std::string(300, 'a')); }), HasSubstr("300 characters"));
}

TEST(Hostfile, IsMpis) {
  const auto hosts = parse_hostfile(
      "# the cluster\n\nnode1 slots=2 max_slots=4  # upstairs\r\n  node2\nann@node3\tmax-slots=1\n[fd00::1]\n"
      "fd00::2 slots=3",
      "hosts.txt");
  ASSERT_EQ(hosts.size(), 5u);
  EXPECT_EQ(hosts[0].name, "node1");
  EXPECT_EQ(hosts[0].slots, 2);
  EXPECT_EQ(hosts[1].slots, 1);
  EXPECT_EQ(destination(hosts[2]), "ann@node3");
  EXPECT_EQ(hosts[3].name, "fd00::1");
  EXPECT_EQ(hosts[4].slots, 3);
}

TEST(Hostfile, RefusesWithTheLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"# nothing\n", "hosts.txt: names no host"},
      {"a\na slots=2\n", "hosts.txt: a is named twice; for two ranks there give it two slots"},
      {"a\n-x\n", "hosts.txt, line 2: the host '-x' begins with '-'"},
      {"a slots=0\n", "hosts.txt, line 1: 0 slots"},
      {"a slots=4 max_slots=2\n", "hosts.txt, line 1: a has 4 slots, but max_slots=2"},
      {"a slots = 2\n", "hosts.txt, line 1: 'slots' is not understood"},
      {"a user=x\n", "'user=x' is not understood"},
      {"^a\n", "hosts.txt, line 1: '^a' is no host"},
      {"a\x01\n", "'a\\x01' is no host"},
  };
  for (const auto& [text, sentence] : cases)
    EXPECT_THAT(error_of([&] { parse_hostfile(text, "hosts.txt"); }), HasSubstr(sentence)) << text;
}

TEST(Hostfile, IsReadFromAFileOfSensibleSize) {
  const ScratchFolder folder;
  EXPECT_EQ(read_hostfile(folder.write("hosts", "a\nb\n")).size(), 2u);
  EXPECT_THAT(error_of([&] { read_hostfile(folder / "none"); }), HasSubstr("cannot be opened: No such file"));
  EXPECT_THAT(error_of([&] { read_hostfile(folder.path()); }), HasSubstr("cannot be read: Is a directory"));
  EXPECT_THAT(error_of([&] { read_hostfile(folder.write("big", std::string(1 << 21, '\n'))); }),
              HasSubstr("more than 1048576 bytes"));
}

}  // namespace
}  // namespace yoke::hosts
