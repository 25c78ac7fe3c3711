// Addresses of this host, and which of them lie in a network.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::system {

/// The addresses that begin with the same bits: 192.168.7.0/24 or fd00:7::/64. A single address is a network
/// of itself.
class Cidr {
 public:
  /// What follows the network's bits may be anything: 192.168.7.1/24 is 192.168.7.0/24. Throws Error.
  static Cidr parse(std::string_view text);

  /// False for what is no address.
  bool contains(const std::string& address) const;
  bool operator==(const Cidr&) const = default;

 private:
  struct Address {
    int family = 0;
    std::array<std::uint8_t, 16> bytes{};  // IPv4: the first four, zeros behind
    bool operator==(const Address&) const = default;
  };
  static Address parse_address(const std::string& text);
  Address masked(Address address) const;

  Address first_;
  int bits_ = 0;
};

struct InterfaceAddress {
  std::string interface;
  std::string address;
};

/// This host's addresses other than loopback and link-local ones, of interfaces that are up, IPv4 first.
std::vector<InterfaceAddress> local_addresses();

/// Of `all` the addresses that are in `networks`, in their order: CIDRs, addresses or interfaces'
/// names, separated by commas, as Open MPI's btl_tcp_if_include has them. Throws Error on a bad CIDR.
std::vector<std::string> addresses_in(std::span<const InterfaceAddress> all, const std::string& networks);

}  // namespace yoke::system
