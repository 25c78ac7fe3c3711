#include "hosts/doctor.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hosts/firewall.h"

namespace yoke::hosts {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t gb = 1'000'000'000;

/// A host with which nothing is wrong.
SurveyedHost healthy(const std::string& name, int number) {
  SurveyedHost host;
  host.host = parse_host(name, "test");
  host.build = system::this_build();
  host.seconds = 0.2;
  Survey survey;
  survey.host = name;
  survey.architecture = "x86_64";
  survey.isas = {"avx512", "avx2", "scalar"};
  survey.open_mpi = "4.1.4";
  survey.core_kinds = {{"core", 8}};
  survey.cores = 8;
  survey.numa_nodes = 1;
  survey.memory_total = 64 * gb;
  survey.memory_available = 60 * gb;
  survey.memory_limited_by = "memory of the machine";
  survey.load = 0.1;
  survey.boot_id = "boot of " + name;
  survey.network_namespace = 1;
  survey.interfaces = {
      {"eth0", InterfaceKind::physical, true, 5000, 1500, {{"10.0.0." + std::to_string(number), 24}}}};
  survey.model = {"/m.gguf", true, false, 30 * gb, ""};
  survey.cache = {"/cache", true, 100 * gb, ""};
  survey.temporary = {"/tmp", true, 10 * gb, ""};
  survey.shared_memory_free = 10 * gb;
  host.survey = survey;
  return host;
}

class Doctor : public testing::Test {
 protected:
  Doctor() {
    for (int i = 1; i <= 3; ++i) examination.hosts.push_back(healthy("node" + std::to_string(i), i));
    examination.need = {20 * gb, 20 * gb, 20 * gb};
    examination.model_bytes = 30 * gb;
  }
  Survey& survey(std::size_t i) { return *examination.hosts[i].survey; }

  void add_transfers() {
    examination.transfer_hosts = {0, 1, 2};
    Transfers transfers;
    transfers.troubles.resize(3);
    for (const auto& round : rounds_of(3))
      for (const auto& [from, to] : round)
        transfers.pairs.push_back(
            {from, to, {45000, 45200, 46000}, {{"", "", ""}, 60e-6, 590e6, 1500, false}});
    examination.transfers = transfers;
  }
  Measurement& transfer(std::size_t from, std::size_t to) {
    for (Transfer& each : examination.transfers->pairs)
      if (each.from == from && each.to == to) return each.found;
    throw std::out_of_range("no such pair");
  }

  /// What is not ok, as "host subject level: sentence".
  std::vector<std::string> wrong(const Diagnosis& diagnosis) {
    std::vector<std::string> result;
    for (const Finding& each : diagnosis.findings) {
      if (each.level == Level::ok) continue;
      EXPECT_FALSE(each.remedy.empty()) << each.sentence;
      result.push_back(
          fmt::format("{} {} {}: {}", each.host, each.subject, name_of(each.level), each.sentence));
    }
    return result;
  }
  std::vector<std::string> wrong() { return wrong(judge(examination)); }

  void expect_one(const std::string& front, const std::string& part) {
    EXPECT_THAT(wrong(), testing::ElementsAre(testing::AllOf(testing::StartsWith(front), HasSubstr(part))));
  }

  Examination examination;
};

TEST_F(Doctor, FindsNothingWrongWithHealthyHosts) {
  add_transfers();
  const Diagnosis diagnosis = judge(examination);
  EXPECT_THAT(wrong(diagnosis), IsEmpty());
  EXPECT_TRUE(diagnosis.sound());
  EXPECT_THAT(diagnosis.fit(examination.hosts), testing::ElementsAre(0, 1, 2));
  EXPECT_EQ(diagnosis.network->cidr, "10.0.0.0/24");
}

TEST_F(Doctor, NamesAHostThatSshDoesNotReach) {
  examination.hosts[1].survey.reset();
  examination.hosts[1].build.reset();
  examination.hosts[1].trouble = Trouble{"ssh needs a password on node2", "ssh-copy-id node2"};
  expect_one("node2 ssh failure: ", "needs a password");
  EXPECT_THAT(judge(examination).fit(examination.hosts), testing::ElementsAre(0, 2));
}

TEST_F(Doctor, NamesAnotherVersionAndSaysNothingElseOfThatHost) {
  examination.hosts[1].build = system::BuildId{99, "abc"};
  examination.hosts[1].survey.reset();
  expect_one("node2 version failure: ", "yoke there has protocol 99, commit abc, this one protocol");
}

TEST_F(Doctor, NamesAnotherOpenMpiOrNone) {
  survey(2).open_mpi = "5.0.1";
  expect_one("node3 Open MPI failure: ", "it has 5.0.1, the others 4.1.4");
  survey(2).open_mpi = "";
  expect_one("node3 Open MPI failure: ", "there is no Open MPI");
}

TEST_F(Doctor, NamesTooLittleMemory) {
  survey(0).memory_available = 15 * gb;
  expect_one("node1 memory failure: ", "needs 20.0 GB, but there is only 15.0 GB");
  survey(0).memory_available = 60 * gb;
  examination.hosts[0].host.memory = 10 * gb;
  expect_one("node1 memory failure: ", "only 10.0 GB");
}

TEST_F(Doctor, NamesAModelThatCannotBeReadOrIsAnother) {
  survey(1).model = {"/m.gguf", false, false, 0, "Permission denied"};
  expect_one("node2 model failure: ", "/m.gguf cannot be read there: Permission denied");
  survey(1).model = {"/m.gguf", true, false, 29 * gb, ""};
  expect_one("node2 model failure: ", "has 29000000000 bytes there, but 30000000000 elsewhere");
}

TEST_F(Doctor, AHostWithoutTheModelGetsItsPartFromTheFirstThatHasIt) {
  const ModelState absent{"/m.gguf", false, true, 0, "No such file or directory"};
  survey(0).model = survey(2).model = absent;
  const Diagnosis diagnosis = judge(examination);
  EXPECT_THAT(wrong(diagnosis), IsEmpty());
  EXPECT_THAT(diagnosis.findings, testing::Contains(testing::AllOf(
                                      testing::Field(&Finding::host, "node3"),
                                      testing::Field(&Finding::sentence, HasSubstr("comes from node2")))));
  survey(1).model = absent;
  EXPECT_EQ(wrong().size(), 3U);
  EXPECT_THAT(wrong().front(), HasSubstr("node1 model failure: /m.gguf cannot be read there"));
}

TEST_F(Doctor, NamesAHostThatHoldsTheOthersUp) {
  examination.shares = {"40% of the work: a", "40% of the work: b", "20% of the work: c"};
  EXPECT_THAT(wrong(), IsEmpty());
  examination.fewer = "without node3: 21.4 instead of 19 tokens/s (modelled)";
  examination.left_out = {2};
  expect_one("node3 share warning: ", "20% of the work: c; without node3: 21.4 instead");
}

TEST_F(Doctor, NamesACacheFolderThatCannotHoldWhatIsKept) {
  survey(1).cache = {"/cache", false, 0, "/cache: Permission denied"};
  expect_one("node2 cache folder failure: ", "/cache cannot be used: /cache: Permission denied");
  survey(1).cache = {"/cache", true, 5 * gb, ""};
  expect_one("node2 cache folder warning: ", "5.00 GB free");
}

TEST_F(Doctor, NamesAFullDisk) {
  survey(2).temporary.free_bytes = 4096;
  expect_one("node3 disk failure: ", "/tmp has only 4.10 KB free");
}

TEST_F(Doctor, NamesHostsThatShareNoNetwork) {
  survey(2).interfaces[0].addresses = {{"192.168.0.3", 24}};
  expect_one(" network failure: ", "10.0.0.0/24 has node1, node2; 192.168.0.0/24 has node3");
  EXPECT_FALSE(judge(examination).network);
}

TEST_F(Doctor, NamesASlowCableAndAnotherMtu) {
  survey(1).interfaces[0].mbit = 100;
  expect_one("node2 network warning: ", "has negotiated 100 Mbit/s, where others have 5000");
  survey(1).interfaces[0].mbit = 5000;
  survey(1).interfaces[0].mtu = 9000;
  expect_one("node2 MTU warning: ", "packets of 9000 bytes, the others of 1500");
}

TEST_F(Doctor, NamesWhatSlowsAHostDown) {
  survey(0).governor = "powersave";
  expect_one("node1 governor warning: ", "'powersave'");
  survey(0).frequency_driver = "intel_pstate";
  EXPECT_THAT(wrong(), IsEmpty());
  survey(0).swap_used = 2 * gb;
  expect_one("node1 swap warning: ", "2.00 GB of swap");
  survey(0).swap_used = 0;
  survey(0).load = 5;
  expect_one("node1 load warning: ", "5.0 processes run or wait for its 8 cores");
}

TEST_F(Doctor, NamesAClockThatIsWrong) {
  examination.hosts[2].clock_ahead = 1.9;
  EXPECT_THAT(wrong(), IsEmpty());
  examination.hosts[2].clock_ahead = -7;
  expect_one("node3 clock warning: ", "7 s behind");
}

TEST_F(Doctor, NamesOneMachineUnderTwoNames) {
  survey(1) = survey(0);
  EXPECT_THAT(wrong(), testing::Contains("node2 machine failure: it is the same machine as node1"));
}

TEST_F(Doctor, BeforeEveryStartLeavesOutWhatOnlySlowsDown) {
  survey(0).governor = "powersave";
  survey(0).load = 7;
  examination.hosts[2].clock_ahead = 100;
  EXPECT_THAT(wrong(judge_short(examination)), IsEmpty());
  survey(0).memory_available = 1 * gb;
  EXPECT_FALSE(judge_short(examination).sound());
}

TEST_F(Doctor, NamesAFirewallByTheHostThatHasIt) {
  add_transfers();
  for (const std::size_t from : {0u, 1u}) {
    transfer(from, 2).ports = {"no answer within a second", "", "no answer within a second"};
  }
  expect_one("node3 firewall failure: ",
             "node1 and node2 cannot reach node3 on ports 45000, 46000 (no answer");
  EXPECT_THAT(judge(examination).fit(examination.hosts), testing::ElementsAre(0, 1));
}

TEST_F(Doctor, NamesTheHostWhoseLinkIsSlow) {
  add_transfers();
  for (const std::size_t other : {0u, 1u}) {
    transfer(2, other).bytes_per_second = 12e6;
    transfer(other, 2).bytes_per_second = 12e6;
  }
  expect_one("node3 link warning: ",
             "it sends and receives 12.0 MB/s at most, where its cable allows 625 MB/s");
  for (std::size_t i = 0; i < 3; ++i) survey(i).interfaces[0].kind = InterfaceKind::veth;
  expect_one("node3 link warning: ", "12.0 MB/s at most, where others reach 590 MB/s");
}

TEST_F(Doctor, NamesASlowWayBetweenTwoHosts) {
  add_transfers();
  transfer(0, 2).bytes_per_second = 50e6;
  expect_one("node1 link warning: ", "to node3 it sends 50.0 MB/s, though with others both reach 590 MB/s");
}

TEST_F(Doctor, NamesASlowDirectionBetweenTwoHostsOnce) {
  examination.hosts.pop_back();
  examination.need.pop_back();
  for (std::size_t i = 0; i < 2; ++i) survey(i).interfaces[0].kind = InterfaceKind::veth;
  examination.transfer_hosts = {0, 1};
  Transfers transfers;
  transfers.troubles.resize(2);
  transfers.pairs = {{0, 1, {45000, 45200, 46000}, {{"", "", ""}, 60e-6, 10e6, 1500, false}},
                     {1, 0, {45000, 45200, 46000}, {{"", "", ""}, 60e-6, 590e6, 1500, false}}};
  examination.transfers = transfers;
  expect_one("node1 link warning: ", "it sends 10.0 MB/s at most");
}

TEST_F(Doctor, SaysInOneLineWhatCarriesMessages) {
  const auto lines = [&] {
    std::vector<std::string> found;
    for (const Finding& each : judge(examination).findings)
      if (each.subject == "transport") found.push_back(each.sentence);
    return found;
  };
  EXPECT_THAT(lines(), testing::ElementsAre("messages go by TCP, for no host has an RDMA port that is up"));
  for (std::size_t i = 0; i < 3; ++i) {
    survey(i).rdma_ports = {{"mlx5_0/1", "InfiniBand", "ACTIVE", 100, {}, "/dev/infiniband/uverbs0", true}};
    survey(i).open_mpi_has_ucx = true;
  }
  EXPECT_THAT(lines(),
              testing::ElementsAre("messages go by RDMA, for every host has InfiniBand of 100 Gbit/s"));
  EXPECT_THAT(wrong(), IsEmpty());
  survey(1).rdma_ports.clear();
  expect_one(" transport warning: ", "messages go by TCP, for node2 has no RDMA");
}

TEST_F(Doctor, NamesLostLargePacketsAndLongWays) {
  add_transfers();
  transfer(0, 1).full_size_lost = true;
  transfer(0, 1).mtu = 9000;
  expect_one("node1 MTU failure: ", "packets of 9000 bytes from node1 to node2 are lost");
  transfer(0, 1).full_size_lost = false;
  for (const std::size_t to : {1u, 2u}) transfer(0, to).round_trip = 5e-3;
  expect_one("node1 latency warning: ", "takes 5.0 ms");
}

TEST_F(Doctor, WarnsOfPortsThatTheInternetReaches) {
  survey(1).interfaces.push_back({"eth1", InterfaceKind::physical, true, 100, 1500, {{"8.8.8.8", 24}}});
  expect_one("node2 exposure warning: ", "whoever is in 10.0.0.0/24, 8.8.8.0/24 can reach MPI's ports");
}

TEST(Firewall, HasRulesToPaste) {
  EXPECT_THAT(
      nftables_rules("10.0.0.0/24"),
      HasSubstr("ip saddr != 10.0.0.0/24 tcp dport '{ 45000-45127, 45200-45215, 46000-46999 }' drop\n"));
  EXPECT_THAT(nftables_rules("fd00::/64"), HasSubstr("ip6 saddr != fd00::/64"));
  EXPECT_THAT(ufw_rules("10.0.0.0/24"),
              HasSubstr("from 10.0.0.0/24 to any port 45000:45127,45200:45215,46000:46999"));
}

}  // namespace
}  // namespace yoke::hosts
