#include "hosts/starter_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "hosts/interfaces.h"
#include "system/cidr.h"

namespace yoke::hosts {

namespace {

/// What the routing table would put into a packet to `address` as its sender. Nothing is sent.
std::string sender_to(const std::string& address) {
  constexpr std::uint16_t any_port = 9;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(any_port);
  sockaddr_in from{};
  socklen_t length = sizeof from;
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  require(socket && ::inet_pton(AF_INET, address.c_str(), &to.sin_addr) == 1 &&
              ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 &&
              ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&from), &length) == 0,
          "this machine, which starts the others, has no way to {}: {}", address, last_system_error());
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &from.sin_addr, text.data(), text.size());
  return text.data();
}

}  // namespace

std::string starter_network(const std::string& network, const std::string& address) {
  const std::string mine = sender_to(address);
  const std::optional<system::Address> sender = system::parse_address(mine);
  if (sender && system::parse_cidr(network).contains(*sender)) return {};
  for (const Interface& interface : read_interfaces()) {
    for (const InterfaceAddress& each : interface.addresses)
      if (each.address == mine) return to_string(network_of(sender.value(), each.prefix));
  }
  fail("this machine speaks to {} from {}, an address that none of its interfaces has", address, mine);
}

}  // namespace yoke::hosts
