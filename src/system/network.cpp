#include "system/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>

#include "system/cidr.h"

namespace yoke::system {

namespace {

/// One word of a list of networks.
bool names(const std::string& word, const InterfaceAddress& local) {
  if (word.find('/') == std::string::npos) return word == local.interface || word == local.address;
  const Cidr network = parse_cidr(word);
  const std::optional<Address> address = parse_address(local.address);
  return address && network.contains(*address);
}

}  // namespace

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
