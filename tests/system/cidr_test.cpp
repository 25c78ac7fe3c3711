#include "system/cidr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"

namespace yoke::system {
namespace {

Address address(std::string_view text) { return parse_address(text).value(); }

TEST(Cidr, HasTheAddressesWithItsFirstBits) {
  const Cidr network = parse_cidr("10.1.128.0/17");
  EXPECT_TRUE(network.contains(address("10.1.255.255")));
  EXPECT_FALSE(network.contains(address("10.1.127.255")));
  EXPECT_FALSE(network.contains(address("a01:8000::")));
  EXPECT_TRUE(parse_cidr("0.0.0.0/0").contains(address("255.255.255.255")));
  EXPECT_FALSE(parse_cidr("::/0").contains(address("10.0.0.1")));
  EXPECT_FALSE(parse_cidr("192.168.7.0/24").contains(address("::ffff:192.168.7.1")));
  const Cidr odd = parse_cidr("10.77.0.64/27");
  EXPECT_TRUE(odd.contains(address("10.77.0.95")));
  EXPECT_FALSE(odd.contains(address("10.77.0.96")) || odd.contains(address("10.77.0.63")));
  EXPECT_TRUE(parse_cidr("fd00:7::/63").contains(address("fd00:7:0:1::5")));
  EXPECT_FALSE(parse_cidr("fd00:7::/63").contains(address("fd00:7:0:2::5")));
  EXPECT_FALSE(parse_cidr("fd00::/64").contains(address("fd00:0:0:1::")));
}

TEST(Cidr, IsWrittenByItsFirstAddress) {
  EXPECT_EQ(to_string(parse_cidr("10.0.0.5/24")), "10.0.0.0/24");
  EXPECT_EQ(to_string(parse_cidr("FD00:0::1/64")), "fd00::/64");
  EXPECT_EQ(to_string(network_of(address("192.168.7.9"), 32)), "192.168.7.9/32");
}

TEST(Cidr, OfAnythingElseIsRefused) {
  for (const char* text :
       {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "fd00::/129",
        "10.0.0.0/24 ", "10.0.0.0/24/8", "fe80::1%eth0/64", "eth0", "01.2.3.4/8", "10.0.0.0/ 4", "::1.2/3"})
    EXPECT_THAT(error_of([&] { parse_cidr(text); }), testing::HasSubstr("is no network")) << text;
}

TEST(Address, KnowsWhatOthersCannotReach) {
  EXPECT_TRUE(is_loopback(address("127.1.2.3")) && is_loopback(address("::1")));
  EXPECT_TRUE(is_link_local(address("169.254.1.1")) && is_link_local(address("fe80::1")));
  for (const char* text : {"10.9.8.7", "172.31.0.1", "192.168.0.1", "100.64.0.1", "fd12::1", "127.0.0.1"})
    EXPECT_TRUE(is_private(address(text))) << text;
  for (const char* text : {"172.32.0.1", "8.8.8.8", "2001:db8::1", "100.128.0.1"})
    EXPECT_FALSE(is_private(address(text))) << text;
}

}  // namespace
}  // namespace yoke::system
