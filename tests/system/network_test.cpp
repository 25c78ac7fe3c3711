#include "system/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"

namespace yoke::system {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Cidr, HoldsTheAddressesThatBeginWithItsBits) {
  const Cidr network = Cidr::parse("192.168.7.0/24");
  EXPECT_TRUE(network.contains("192.168.7.0"));
  EXPECT_TRUE(network.contains("192.168.7.255"));
  EXPECT_FALSE(network.contains("192.168.8.1"));
  EXPECT_FALSE(network.contains("::ffff:192.168.7.1"));
  EXPECT_FALSE(network.contains("node3"));
  const Cidr odd = Cidr::parse("10.77.0.64/27");
  EXPECT_TRUE(odd.contains("10.77.0.95"));
  EXPECT_FALSE(odd.contains("10.77.0.96"));
  EXPECT_FALSE(odd.contains("10.77.0.63"));
}

TEST(Cidr, KnowsIpv6) {
  const Cidr network = Cidr::parse("fd00:7::/63");
  EXPECT_TRUE(network.contains("fd00:7:0:1::5"));
  EXPECT_FALSE(network.contains("fd00:7:0:2::5"));
  EXPECT_FALSE(network.contains("10.0.0.1"));
}

TEST(Cidr, TheNetworkOfAllIsThatOfOneFamily) {
  EXPECT_TRUE(Cidr::parse("0.0.0.0/0").contains("10.0.0.1"));
  EXPECT_FALSE(Cidr::parse("0.0.0.0/0").contains("fd00::1"));
  EXPECT_FALSE(Cidr::parse("::/0").contains("10.0.0.1"));
}

TEST(Cidr, MayBeWrittenWithAnAddressInIt) {
  EXPECT_EQ(Cidr::parse("192.168.7.9/24"), Cidr::parse("192.168.7.0/24"));
  EXPECT_TRUE(Cidr::parse("192.168.7.9").contains("192.168.7.9"));
  EXPECT_FALSE(Cidr::parse("192.168.7.9").contains("192.168.7.8"));
  EXPECT_TRUE(Cidr::parse("fd00::9").contains("fd00:0::9"));
}

TEST(Cidr, RefusesWhatIsNone) {
  for (const char* text :
       {"", "/", "eth0", "192.168.7/24", "192.168.7.0/", "192.168.7.0/33", "192.168.7.0/-1", "192.168.7.0/ 4",
        "192.168.7.0/24x", "192.168.7.0/24/24", "fd00::/129", "::1.2/3"})
    EXPECT_THAT(error_of([&] { Cidr::parse(text); }), HasSubstr("is no network: expected one like")) << text;
}

const std::vector<InterfaceAddress> host{
    {"eth0", "192.168.7.2"}, {"docker0", "172.17.0.1"}, {"eth0", "fd00:7::2"}, {"ib0.7", "10.1.0.2"}};

TEST(Addresses, AreChosenByNetworksAndByInterfaces) {
  EXPECT_THAT(addresses_in(host, "192.168.7.0/24"), ElementsAre("192.168.7.2"));
  EXPECT_THAT(addresses_in(host, "eth0"), ElementsAre("192.168.7.2", "fd00:7::2"));
  EXPECT_THAT(addresses_in(host, "10.0.0.0/8,docker0,10.1.0.0/16"), ElementsAre("172.17.0.1", "10.1.0.2"));
  EXPECT_THAT(addresses_in(host, "fd00:7::/64"), ElementsAre("fd00:7::2"));
  EXPECT_THAT(addresses_in(host, "ib0.7"), ElementsAre("10.1.0.2"));
  EXPECT_THAT(addresses_in(host, "172.17.0.1"), ElementsAre("172.17.0.1"));
  EXPECT_THAT(addresses_in(host, "eth1,192.168.0.0/24"), IsEmpty());
}

TEST(Addresses, OfANetworkThatIsNoneAreRefused) {
  EXPECT_THAT(error_of([] { addresses_in(host, "eth0,10.0.0.0/64"); }),
              HasSubstr("'10.0.0.0/64' is no network"));
}

TEST(Addresses, OfThisHostAreNeitherLoopbackNorLinkLocal) {
  for (const InterfaceAddress& local : local_addresses()) {
    EXPECT_FALSE(Cidr::parse("127.0.0.0/8").contains(local.address));
    EXPECT_FALSE(Cidr::parse("::1").contains(local.address));
    EXPECT_FALSE(Cidr::parse("fe80::/10").contains(local.address));
    EXPECT_FALSE(local.interface.empty());
  }
}

}  // namespace
}  // namespace yoke::system
