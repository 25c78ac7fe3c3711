// Addresses of this host, and which of them lie in a network.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace yoke::system {

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
