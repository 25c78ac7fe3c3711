// The network interfaces of this machine, as far as its network namespace shows them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::hosts {

enum class InterfaceKind : std::uint8_t {
  physical,
  wireless,
  loopback,
  bridge,
  container,
  veth,
  tunnel,
  virtual_other
};
constexpr InterfaceKind last_enumerator(InterfaceKind) { return InterfaceKind::virtual_other; }
std::string_view name_of(InterfaceKind kind);

struct InterfaceAddress {
  std::string address;  // IPv4 or IPv6, without a scope
  int prefix = 0;       // bits of its network
  bool operator==(const InterfaceAddress&) const = default;
};

struct Interface {
  std::string name;
  InterfaceKind kind = InterfaceKind::physical;
  bool up = false;
  int mbit = -1;  // megabits per second that it has negotiated, or claims; −1 where it does not say
  int mtu = 0;    // bytes of the largest packet
  std::vector<InterfaceAddress> addresses;
  bool operator==(const Interface&) const = default;
};

/// In the system's order. Never fails: what cannot be read is left out.
std::vector<Interface> read_interfaces();

/// What a driver's and an interface's name tell; `wireless` where the system says that it is.
InterfaceKind kind_of(std::string_view driver, std::string_view name, bool wireless);

}  // namespace yoke::hosts
