#include "system/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <sstream>

#include "base/error.h"

namespace yoke::system {

namespace {

int width_of(int family) { return family == AF_INET ? 32 : 128; }

/// One word of a list of networks.
bool names(const std::string& word, const InterfaceAddress& local) {
  if (word.find('/') != std::string::npos) return Cidr::parse(word).contains(local.address);
  return word == local.interface || word == local.address;
}

}  // namespace

Cidr::Address Cidr::parse_address(const std::string& text) {
  Address address;
  for (const int family : {AF_INET, AF_INET6})
    if (address.family == 0 && ::inet_pton(family, text.c_str(), address.bytes.data()) == 1)
      address.family = family;
  return address;
}

Cidr::Address Cidr::masked(Address address) const {
  for (int byte = 0; byte < 16; ++byte) {
    const int kept = std::clamp(bits_ - 8 * byte, 0, 8);
    address.bytes[static_cast<std::size_t>(byte)] &= static_cast<std::uint8_t>(0xFF00 >> kept);
  }
  return address;
}

Cidr Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  const Address address = parse_address(std::string(text.substr(0, slash)));
  Cidr network;
  bool sound = address.family != 0;
  if (sound && slash == std::string_view::npos) {
    network.bits_ = width_of(address.family);
  } else if (sound) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, network.bits_);
    sound = error == std::errc() && stop == end && network.bits_ >= 0 &&
            network.bits_ <= width_of(address.family);
  }
  require(sound, "'{}' is no network: expected one like 192.168.7.0/24 or fd00:7::/64", text);
  network.first_ = network.masked(address);
  return network;
}

bool Cidr::contains(const std::string& address) const { return masked(parse_address(address)) == first_; }

std::vector<InterfaceAddress> local_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
  std::vector<InterfaceAddress> v4;
  std::vector<InterfaceAddress> v6;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0 ||
        (entry->ifa_flags & IFF_LOOPBACK) != 0)
      continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto& address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr;
      v4.push_back({entry->ifa_name, ::inet_ntop(AF_INET, &address, text, sizeof text)});
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto& address = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
      if (!IN6_IS_ADDR_LINKLOCAL(&address))
        v6.push_back({entry->ifa_name, ::inet_ntop(AF_INET6, &address, text, sizeof text)});
    }
  }
  v4.insert(v4.end(), v6.begin(), v6.end());
  return v4;
}

std::vector<std::string> addresses_in(std::span<const InterfaceAddress> all, const std::string& networks) {
  std::vector<std::string> words;
  std::istringstream list(networks);
  for (std::string word; std::getline(list, word, ',');)
    if (!word.empty()) words.push_back(word);
  std::vector<std::string> found;
  for (const InterfaceAddress& local : all) {
    const auto names_it = [&](const std::string& word) { return names(word, local); };
    if (std::any_of(words.begin(), words.end(), names_it)) found.push_back(local.address);
  }
  return found;
}

}  // namespace yoke::system
