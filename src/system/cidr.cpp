#include "system/cidr.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/printable.h"

namespace yoke::system {

namespace {

bool lies_in(const Address& address, std::string_view cidr) { return parse_cidr(cidr).contains(address); }

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated(text);
  Address address;
  if (::inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) return address;
  address.v6 = true;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
}

bool is_loopback(const Address& address) { return lies_in(address, address.v6 ? "::1/128" : "127.0.0.0/8"); }

bool is_link_local(const Address& address) {
  return lies_in(address, address.v6 ? "fe80::/10" : "169.254.0.0/16");
}

bool is_private(const Address& address) {
  if (is_loopback(address) || is_link_local(address)) return true;
  if (address.v6) return lies_in(address, "fc00::/7");
  return lies_in(address, "10.0.0.0/8") || lies_in(address, "172.16.0.0/12") ||
         lies_in(address, "192.168.0.0/16") || lies_in(address, "100.64.0.0/10");
}

bool Cidr::contains(const Address& address) const {
  return address.v6 == first.v6 && network_of(address, prefix).first == first;
}

Cidr network_of(const Address& address, int prefix) {
  Cidr network{address, prefix};
  for (int bit = prefix; bit < address.bits(); ++bit)
    network.first.bytes[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> bit % 8));
  return network;
}

Cidr parse_cidr(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto address = parse_address(text.substr(0, slash));
  const std::string_view digits = text.substr(std::min(slash + 1, text.size()));
  int prefix = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  require(address && error == std::errc() && end == digits.data() + digits.size() && prefix >= 0 &&
              prefix <= address->bits(),
          "'{}' is no network; expected one like 10.0.0.0/24", printable(text));
  return network_of(*address, prefix);
}

std::string to_string(const Cidr& cidr) { return fmt::format("{}/{}", to_string(cidr.first), cidr.prefix); }

}  // namespace yoke::system
