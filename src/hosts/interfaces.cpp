#include "hosts/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/wireless.h>  // and with it <linux/if.h>, which <net/if.h> would contradict
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "base/file_descriptor.h"

namespace yoke::hosts {

namespace {

/// Asks the kernel about one interface of this network namespace; what /sys shows may be another's.
class Inquiry {
 public:
  explicit Inquiry(const std::string& name) : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::memcpy(request_.ifr_name, name.c_str(), std::min(name.size(), std::size_t{IFNAMSIZ - 1}));
  }

  int mtu() { return ask(SIOCGIFMTU) ? request_.ifr_mtu : 0; }

  std::string driver() {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    request_.ifr_data = reinterpret_cast<char*>(&info);
    return ask(SIOCETHTOOL) ? std::string(info.driver, ::strnlen(info.driver, sizeof info.driver)) : "";
  }

  int mbit() {
    ethtool_cmd settings{};
    settings.cmd = ETHTOOL_GSET;
    request_.ifr_data = reinterpret_cast<char*>(&settings);
    if (!ask(SIOCETHTOOL)) return -1;
    const std::uint32_t speed = ethtool_cmd_speed(&settings);
    constexpr std::uint32_t most =
        10'000'000;  // beyond it stand the drivers' ways of saying that they do not know
    return speed == 0 || speed > most ? -1 : static_cast<int>(speed);
  }

  bool wireless() {
    iwreq request{};
    std::memcpy(request.ifr_name, request_.ifr_name, IFNAMSIZ);
    return ::ioctl(socket_.get(), SIOCGIWNAME, &request) == 0;
  }

 private:
  bool ask(unsigned long what) { return ::ioctl(socket_.get(), what, &request_) == 0; }

  FileDescriptor socket_;
  ifreq request_{};
};

int bits_of(const std::uint8_t* mask, std::size_t bytes) {
  int bits = 0;
  for (std::size_t i = 0; i < bytes; ++i) bits += std::popcount(mask[i]);
  return bits;
}

/// The address of one entry; one without text where it is of another kind than IP.
InterfaceAddress address_of(const ifaddrs& entry) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (entry.ifa_addr == nullptr || entry.ifa_netmask == nullptr) return {};
  if (entry.ifa_addr->sa_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr;
    const auto& mask = reinterpret_cast<const sockaddr_in*>(entry.ifa_netmask)->sin_addr;
    ::inet_ntop(AF_INET, &address, text.data(), text.size());
    return {text.data(), bits_of(reinterpret_cast<const std::uint8_t*>(&mask), sizeof mask)};
  }
  if (entry.ifa_addr->sa_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr;
    const auto& mask = reinterpret_cast<const sockaddr_in6*>(entry.ifa_netmask)->sin6_addr;
    ::inet_ntop(AF_INET6, &address, text.data(), text.size());
    return {text.data(), bits_of(mask.s6_addr, sizeof mask.s6_addr)};
  }
  return {};
}

Interface inquire(const ifaddrs& entry) {
  Interface found;
  found.name = entry.ifa_name;
  Inquiry inquiry(found.name);
  found.up = (entry.ifa_flags & IFF_UP) != 0 && (entry.ifa_flags & IFF_RUNNING) != 0;
  found.kind = (entry.ifa_flags & IFF_LOOPBACK) != 0
                   ? InterfaceKind::loopback
                   : kind_of(inquiry.driver(), found.name, inquiry.wireless());
  found.mbit = inquiry.mbit();
  found.mtu = inquiry.mtu();
  return found;
}

}  // namespace

std::string_view name_of(InterfaceKind kind) {
  constexpr std::array<std::string_view, 8> names{"cable",     "wireless", "loopback", "bridge",
                                                  "container", "veth",     "tunnel",   "virtual"};
  return names[static_cast<std::size_t>(kind)];
}

InterfaceKind kind_of(std::string_view driver, std::string_view name, bool wireless) {
  if (wireless) return InterfaceKind::wireless;
  const auto any_of = [](std::string_view text, std::initializer_list<std::string_view> fronts) {
    return std::any_of(fronts.begin(), fronts.end(),
                       [&](std::string_view front) { return text.starts_with(front); });
  };
  if (any_of(name, {"docker", "br-", "cni", "podman", "lxcbr", "lxdbr", "virbr", "flannel", "cali"}))
    return InterfaceKind::container;
  if (driver == "veth") return InterfaceKind::veth;
  if (driver == "bridge" || driver == "openvswitch") return InterfaceKind::bridge;
  if (any_of(driver, {"tun", "wireguard", "vxlan", "geneve", "ipip", "gre", "sit", "ip6"}) ||
      any_of(name, {"tun", "tap", "wg", "tailscale", "zt"}))
    return InterfaceKind::tunnel;
  if (any_of(driver, {"dummy", "macvlan", "ipvlan", "ifb", "macvtap"})) return InterfaceKind::virtual_other;
  return InterfaceKind::physical;
}

std::vector<Interface> read_interfaces() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
  std::vector<Interface> interfaces;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    auto same = std::find_if(interfaces.begin(), interfaces.end(),
                             [&](const Interface& each) { return each.name == entry->ifa_name; });
    if (same == interfaces.end()) same = interfaces.insert(same, inquire(*entry));
    if (InterfaceAddress address = address_of(*entry); !address.address.empty())
      same->addresses.push_back(std::move(address));
  }
  return interfaces;
}

}  // namespace yoke::hosts
