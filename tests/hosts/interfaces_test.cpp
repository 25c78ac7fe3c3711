#include "hosts/interfaces.h"

#include <gtest/gtest.h>

namespace yoke::hosts {
namespace {

TEST(Interfaces, AreOfTheKindThatDriverAndNameTell) {
  EXPECT_EQ(kind_of("e1000e", "enp3s0", false), InterfaceKind::physical);
  EXPECT_EQ(kind_of("bonding", "bond0", false), InterfaceKind::physical);
  EXPECT_EQ(kind_of("iwlwifi", "wlp2s0", true), InterfaceKind::wireless);
  EXPECT_EQ(kind_of("bridge", "docker0", false), InterfaceKind::container);
  EXPECT_EQ(kind_of("bridge", "br-0123456789ab", false), InterfaceKind::container);
  EXPECT_EQ(kind_of("bridge", "br0", false), InterfaceKind::bridge);
  EXPECT_EQ(kind_of("veth", "eth0", false), InterfaceKind::veth);
  EXPECT_EQ(kind_of("wireguard", "home", false), InterfaceKind::tunnel);
  EXPECT_EQ(kind_of("tun", "tailscale0", false), InterfaceKind::tunnel);
  EXPECT_EQ(kind_of("dummy", "d0", false), InterfaceKind::virtual_other);
}

TEST(Interfaces, OfThisMachineHaveTheLoopback) {
  for (const Interface& each : read_interfaces()) {
    if (each.kind != InterfaceKind::loopback) continue;
    EXPECT_EQ(each.name, "lo");
    EXPECT_GT(each.mtu, 1500);
    EXPECT_EQ(each.mbit, -1);
    if (each.up) {
      EXPECT_EQ(each.addresses.at(0), (InterfaceAddress{"127.0.0.1", 8}));
    }
    return;
  }
  FAIL() << "no loopback interface";
}

}  // namespace
}  // namespace yoke::hosts
