// IP addresses and networks of them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yoke::system {

struct Address {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // the first four of IPv4
  int bits() const { return v6 ? 128 : 32; }
  auto operator<=>(const Address&) const = default;
};

/// "10.0.0.1" or "fe80::1", without a scope; nothing for any other text.
std::optional<Address> parse_address(std::string_view text);
std::string to_string(const Address& address);

/// What no other machine can use to reach this one, or not without saying through which interface.
bool is_loopback(const Address& address);
bool is_link_local(const Address& address);
/// Whether the address is of those that the internet does not route (RFC 1918, 6598, 4193; loopback and
/// link-local ones too).
bool is_private(const Address& address);

/// The addresses whose first `prefix` bits are those of `first`.
struct Cidr {
  Address first;
  int prefix = 0;
  bool contains(const Address& address) const;
  auto operator<=>(const Cidr&) const = default;
};

/// The network of so many bits that an address lies in.
Cidr network_of(const Address& address, int prefix);

/// "10.0.0.0/24"; "10.0.0.5/24" is the same network. Throws Error.
Cidr parse_cidr(std::string_view text);
std::string to_string(const Cidr& cidr);

}  // namespace yoke::system
