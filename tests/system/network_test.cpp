#include "system/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"
#include "system/cidr.h"

namespace yoke::system {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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
    const std::optional<Address> address = parse_address(local.address);
    ASSERT_TRUE(address) << local.address;
    EXPECT_FALSE(is_loopback(*address) || is_link_local(*address)) << local.address;
    EXPECT_FALSE(local.interface.empty());
  }
}

}  // namespace
}  // namespace yoke::system
