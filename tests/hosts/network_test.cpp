#include "hosts/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"

namespace yoke::hosts {
namespace {

using testing::HasSubstr;

Interface interface(const std::string& name, std::vector<InterfaceAddress> addresses, int mbit = 1000,
                    InterfaceKind kind = InterfaceKind::physical) {
  return {name, kind, true, mbit, 1500, std::move(addresses)};
}

Interface loopback() {
  return interface("lo", {{"127.0.0.1", 8}, {"::1", 128}}, -1, InterfaceKind::loopback);
}

/// A host n with a docker0 as every other's, an address that only its own link knows, and these.
HostNetwork host(const std::string& name, std::vector<Interface> interfaces) {
  HostNetwork result{name,
                     {loopback(), interface("br0", {{"172.17.0.1", 16}}, 100'000, InterfaceKind::bridge)}};
  for (Interface& each : interfaces) {
    each.addresses.push_back({"fe80::1", 64});
    result.interfaces.push_back(std::move(each));
  }
  return result;
}

TEST(Network, IsTheOneInWhichEveryHostHasAnAddressOfItsOwn) {
  const std::vector<HostNetwork> hosts{
      host("a", {interface("eth0", {{"10.0.0.1", 24}}), interface("eth1", {{"10.9.0.1", 24}})}),
      host("b", {interface("en5", {{"10.0.0.2", 24}})})};
  const NetworkChoice choice = choose_network(hosts);
  EXPECT_EQ(choice.cidr, "10.0.0.0/24");
  ASSERT_EQ(choice.members.size(), 2u);
  EXPECT_EQ(choice.members[0].address, "10.0.0.1");
  EXPECT_EQ(choice.members[1].address, "10.0.0.2");
  EXPECT_EQ(choice.members[1].interface, "en5");
}

TEST(Network, IsTheFastestByItsSlowestInterface) {
  const std::vector<HostNetwork> hosts{
      host("a", {interface("eth0", {{"192.168.0.1", 24}}, 1000),
                 interface("eth1", {{"10.0.0.1", 24}}, 10'000), interface("eth2", {{"10.1.0.1", 24}}, 5000)}),
      host("b", {interface("eth0", {{"192.168.0.2", 24}}, 1000), interface("eth1", {{"10.0.0.2", 24}}, 100),
                 interface("eth2", {{"10.1.0.2", 24}}, 5000)})};
  EXPECT_EQ(choose_network(hosts).cidr, "10.1.0.0/24");
}

TEST(Network, OfUnknownSpeedComesLast) {
  const std::vector<HostNetwork> hosts{
      host("a", {interface("wg0", {{"10.2.0.1", 24}}, -1, InterfaceKind::tunnel),
                 interface("eth0", {{"10.0.0.1", 24}}, 100)}),
      host("b", {interface("wg0", {{"10.2.0.2", 24}}, -1, InterfaceKind::tunnel),
                 interface("eth0", {{"10.0.0.2", 24}}, 100)})};
  EXPECT_EQ(choose_network(hosts).cidr, "10.0.0.0/24");
}

TEST(Network, OfEqualsIsOfIpv4ThenTheSmallestThenTheFirst) {
  const std::vector<HostNetwork> both{host("a", {interface("eth0", {{"fd00::1", 64}, {"10.0.0.1", 24}})}),
                                      host("b", {interface("eth0", {{"fd00::2", 64}, {"10.0.0.2", 16}})})};
  EXPECT_EQ(choose_network(both).cidr, "10.0.0.0/24");
  const std::vector<HostNetwork> equal{
      host("a", {interface("e0", {{"10.5.0.1", 24}}), interface("e1", {{"10.4.0.1", 24}})}),
      host("b", {interface("e0", {{"10.5.0.2", 24}}), interface("e1", {{"10.4.0.2", 24}})})};
  EXPECT_EQ(choose_network(equal).cidr, "10.5.0.0/24");
  const std::vector<HostNetwork> v6{host("a", {interface("e0", {{"fd00::1", 64}})}),
                                    host("b", {interface("e0", {{"fd00::2", 64}})})};
  EXPECT_EQ(choose_network(v6).cidr, "fd00::/64");
}

TEST(Network, IsNoneThatIsDownOrOfContainers) {
  std::vector<HostNetwork> hosts{
      host("a", {interface("docker0", {{"10.0.0.1", 24}}, -1, InterfaceKind::container)})};
  EXPECT_THAT(error_of([&] {
                choose_network(std::vector{host("a", {}), host("b", {})});
              }),
              HasSubstr("share no network: a has no address of its own; b has no address of its own"));
  Interface down = interface("eth0", {{"10.0.0.1", 24}});
  down.up = false;
  hosts[0] = {"a", {loopback(), down}};
  EXPECT_THAT(error_of([&] { choose_network(hosts); }), HasSubstr("a has no address of its own"));
}

TEST(Network, ThatNobodySharesIsASentenceOnWhoSharesWhat) {
  const std::vector<HostNetwork> hosts{host("a", {interface("e0", {{"10.0.0.1", 24}})}),
                                       host("b", {interface("e0", {{"10.0.0.2", 24}})}),
                                       host("c", {interface("e0", {{"192.168.1.3", 24}})})};
  EXPECT_EQ(error_of([&] { choose_network(hosts); }),
            "the hosts share no network: 10.0.0.0/24 has a, b; 192.168.1.0/24 has c; connect them, or name "
            "one with --network");
}

TEST(Network, ThatIsNamedIsUsed) {
  const std::vector<HostNetwork> hosts{
      host("a", {interface("e0", {{"10.0.0.1", 24}}), interface("e1", {{"10.1.0.1", 24}}, 100)}),
      host("b", {interface("e0", {{"10.0.0.2", 24}}), interface("e1", {{"10.1.0.2", 24}}, 100)})};
  const NetworkChoice choice = find_network("10.1.0.7/16", hosts);
  EXPECT_EQ(choice.cidr, "10.1.0.0/16");
  EXPECT_EQ(choice.members[1].address, "10.1.0.2");
  EXPECT_EQ(choice.members[1].mbit, 100);
  EXPECT_EQ(error_of([&] { find_network("10.2.0.0/16", hosts); }),
            "a, b have no address in the network 10.2.0.0/16");
  EXPECT_EQ(error_of([&] { find_network("172.17.0.0/16", hosts); }),
            "a and b both have the address 172.17.0.1 of the network 172.17.0.0/16");
  EXPECT_THAT(error_of([&] { find_network("eth0", hosts); }), HasSubstr("'eth0' is no network"));
}

TEST(Network, SaysWhereACableHasNegotiatedItsSpeed) {
  const std::vector<HostNetwork> hosts{
      host("a", {interface("e0", {{"10.0.0.1", 24}}, 2500)}),
      host("b", {interface("v0", {{"10.0.0.2", 24}}, 10'000, InterfaceKind::veth)})};
  const NetworkChoice choice = choose_network(hosts);
  EXPECT_TRUE(choice.members[0].negotiated);
  EXPECT_FALSE(choice.members[1].negotiated);
}

}  // namespace
}  // namespace yoke::hosts
