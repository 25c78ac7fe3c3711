#include "hosts/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yoke::hosts {
namespace {

using testing::HasSubstr;

RdmaPort infiniband() {
  return {"mlx5_0/1", "InfiniBand", "ACTIVE", 100, {}, "/dev/infiniband/uverbs0", true};
}
RdmaPort roce() { return {"mlx5_1/1", "Ethernet", "ACTIVE", 25, {"eth1"}, "/dev/infiniband/uverbs1", true}; }

class TransportOf : public testing::Test {
 protected:
  TransportOf() {
    for (const char* name : {"node1", "node2"}) hosts.push_back({name, {infiniband()}, true, "eth0"});
  }
  void expect_tcp(const std::string& why, const std::string& remedy) {
    const TransportChoice choice = choose_transport(hosts);
    EXPECT_EQ(choice.transport, Transport::tcp);
    EXPECT_EQ(choice.why, why);
    EXPECT_THAT(choice.remedy, HasSubstr(remedy));
  }
  void expect_ucx(const std::string& why) {
    const TransportChoice choice = choose_transport(hosts);
    EXPECT_EQ(choice.transport, Transport::ucx);
    EXPECT_EQ(choice.why, why);
    EXPECT_EQ(choice.remedy, "");
  }
  std::vector<TransportHost> hosts;
};

TEST_F(TransportOf, HostsThatAllHaveRdmaIsUcx) {
  expect_ucx("every host has InfiniBand of 100 Gbit/s");
  hosts[1].ports[0].gbit = 56;
  expect_ucx("every host has InfiniBand of 56 Gbit/s");
  for (TransportHost& host : hosts) host.interface = "eth1";
  for (TransportHost& host : hosts) host.ports = {roce()};
  expect_ucx("every host has RoCE of 25 Gbit/s");
  hosts[1].ports = {infiniband(), roce()};
  expect_ucx("every host has RoCE of 25 Gbit/s");
}

TEST_F(TransportOf, OneHostIsTcp) {
  hosts.pop_back();
  EXPECT_EQ(choose_transport(hosts).transport, Transport::tcp);
}

TEST_F(TransportOf, HostsWithoutRdmaIsTcpWithoutAWarning) {
  for (TransportHost& host : hosts) host.ports.clear();
  expect_tcp("no host has an RDMA port that is up", "");
  EXPECT_EQ(choose_transport(hosts).remedy, "");
  hosts[0].ports = {infiniband()};
  hosts[0].ports[0].state = "DOWN";  // a card that nobody has connected
  expect_tcp("no host has an RDMA port that is up", "");
  EXPECT_EQ(choose_transport(hosts).remedy, "");
}

TEST_F(TransportOf, OneHostThatLacksSomethingNamesItWithARemedy) {
  hosts[1].open_mpi_has_ucx = false;
  expect_tcp("the Open MPI of node2 has no UCX", "pml ucx");
  hosts[1].ports[0].permitted = false;
  expect_tcp("this user may not open /dev/infiniband/uverbs0 on node2", "rdma-core");
  hosts[1].ports[0].state = "INIT";
  expect_tcp("the RDMA port mlx5_0/1 of node2 is INIT", "subnet manager");
  hosts[1].ports.clear();
  expect_tcp("node2 has no RDMA", "leave it at TCP");
}

TEST_F(TransportOf, RoceOfAnotherNetworkIsTcp) {
  for (TransportHost& host : hosts) host.ports = {roce()};
  expect_tcp("the RDMA port mlx5_1/1 of node1 is not that of eth0, which the hosts' network is on",
             "--network");
}

TEST_F(TransportOf, InfiniBandAndRoceIsTcp) {
  hosts[1] = {"node2", {roce()}, true, "eth1"};
  expect_tcp("some hosts have InfiniBand and others RoCE", "TCP");
}

}  // namespace
}  // namespace yoke::hosts
