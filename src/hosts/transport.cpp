#include "hosts/transport.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace yoke::hosts {

namespace {

struct Lack {
  std::string what;
  std::string remedy;
};

/// Cards are often there that nobody has connected: no reason to warn of anything.
bool has_link(const TransportHost& host) {
  return std::any_of(host.ports.begin(), host.ports.end(),
                     [](const RdmaPort& port) { return port.state != "DOWN"; });
}

bool is_reachable(const RdmaPort& port, const std::string& interface) {
  const auto& names = port.interfaces;
  return kind_of(port) != "RoCE" || std::find(names.begin(), names.end(), interface) != names.end();
}

/// The ports that could be used, and else what is missing for it first.
struct Usable {
  std::vector<RdmaPort> ports;
  std::optional<Lack> lack;

  /// Leaves the ports that meet it; `lack` tells of the first port if none does.
  void leave(const std::function<bool(const RdmaPort&)>& meets,
             const std::function<Lack(const RdmaPort&)>& tell) {
    if (lack) return;
    const RdmaPort first = ports.front();
    std::erase_if(ports, [&](const RdmaPort& port) { return !meets(port); });
    if (ports.empty()) lack = tell(first);
  }
};

Usable usable_ports(const TransportHost& host) {
  Usable usable{host.ports, {}};
  if (usable.ports.empty())
    usable.lack = Lack{host.name + " has no RDMA", "give it a card as the others have, or leave it at TCP"};
  usable.leave([](const RdmaPort& port) { return port.state == "ACTIVE"; },
               [&](const RdmaPort& port) {
                 return Lack{fmt::format("the RDMA port {} of {} is {}", port.name, host.name, port.state),
                             "look at its cable and its switch; InfiniBand needs a subnet manager (opensm)"};
               });
  usable.leave([](const RdmaPort& port) { return port.permitted; },
               [&](const RdmaPort& port) {
                 const std::string& file = port.device_file;
                 return Lack{fmt::format("this user may not open {} on {}",
                                         file.empty() ? "/dev/infiniband/uverbs*" : file, host.name),
                             "apt install rdma-core and modprobe ib_uverbs there; in a container give it "
                             "/dev/infiniband"};
               });
  usable.leave([&](const RdmaPort& port) { return is_reachable(port, host.interface); },
               [&](const RdmaPort& port) {
                 return Lack{
                     fmt::format("the RDMA port {} of {} is not that of {}, which the hosts' network is on",
                                 port.name, host.name, host.interface),
                     "name the network of that port with --network"};
               });
  if (!usable.lack && !host.open_mpi_has_ucx)
    usable.lack = Lack{fmt::format("the Open MPI of {} has no UCX", host.name),
                       "install one there that has the component pml ucx, as Debian's openmpi-bin"};
  return usable;
}

/// The slowest host's fastest port of a kind; nothing where a host has none.
std::optional<int> rate_of(const std::string& kind, const std::vector<Usable>& hosts) {
  std::optional<int> slowest;
  for (const Usable& host : hosts) {
    std::optional<int> fastest;
    for (const RdmaPort& port : host.ports)
      if (kind_of(port) == kind) fastest = std::max(fastest.value_or(0), port.gbit);
    if (!fastest) return std::nullopt;
    slowest = std::min(slowest.value_or(*fastest), *fastest);
  }
  return slowest;
}

}  // namespace

std::string_view name_of(Transport transport) { return transport == Transport::ucx ? "ucx" : "tcp"; }

TransportChoice choose_transport(std::span<const TransportHost> hosts) {
  if (hosts.size() < 2) return {Transport::tcp, "there is one host only", ""};
  if (std::none_of(hosts.begin(), hosts.end(), has_link))
    return {Transport::tcp, "no host has an RDMA port that is up", ""};
  std::vector<Usable> usable;
  for (const TransportHost& host : hosts) {
    usable.push_back(usable_ports(host));
    if (const auto& lack = usable.back().lack) return {Transport::tcp, lack->what, lack->remedy};
  }
  for (const char* kind : {"InfiniBand", "RoCE"})
    if (const auto gbit = rate_of(kind, usable))
      return {Transport::ucx,
              fmt::format("every host has {}{}", kind, *gbit > 0 ? fmt::format(" of {} Gbit/s", *gbit) : ""),
              ""};
  return {Transport::tcp, "some hosts have InfiniBand and others RoCE",
          "name hosts that have the same, or leave them at TCP"};
}

}  // namespace yoke::hosts
