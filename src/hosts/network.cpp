#include "hosts/network.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/error.h"
#include "system/cidr.h"

namespace yoke::hosts {

namespace {

/// An address that a host can be reached by, and the interface that has it.
struct Reachable {
  system::Address address;
  int prefix = 0;
  const Interface* interface = nullptr;
};

bool counts(const Interface& interface) {
  return interface.up && interface.kind != InterfaceKind::loopback &&
         interface.kind != InterfaceKind::container;
}

std::vector<Reachable> reachable_of(const HostNetwork& host) {
  std::vector<Reachable> result;
  for (const Interface& interface : host.interfaces) {
    if (!counts(interface)) continue;
    for (const InterfaceAddress& each : interface.addresses) {
      const auto address = system::parse_address(each.address);
      if (address && !is_loopback(*address) && !is_link_local(*address) && each.prefix >= 0 &&
          each.prefix <= address->bits())
        result.push_back({*address, each.prefix, &interface});
    }
  }
  return result;
}

using Addresses = std::vector<std::vector<Reachable>>;  // of each host

Addresses all_addresses(std::span<const HostNetwork> hosts) {
  Addresses all;
  for (const HostNetwork& host : hosts) all.push_back(reachable_of(host));
  return all;
}

/// Those that more than one host has.
std::set<system::Address> repeated_addresses(const Addresses& all) {
  std::map<system::Address, int> owners;
  for (const auto& host : all) {
    std::set<system::Address> own;
    for (const Reachable& each : host) own.insert(each.address);
    for (const system::Address& address : own) ++owners[address];
  }
  std::set<system::Address> repeated;
  for (const auto& [address, count] : owners)
    if (count > 1) repeated.insert(address);
  return repeated;
}

Addresses without(Addresses all, const std::set<system::Address>& repeated) {
  for (auto& host : all)
    std::erase_if(host, [&](const Reachable& each) { return repeated.contains(each.address); });
  return all;
}

/// Networks of the hosts' addresses, each once, in the order in which they come.
std::vector<system::Cidr> candidates_of(const Addresses& all) {
  std::vector<system::Cidr> candidates;
  for (const auto& host : all) {
    for (const Reachable& each : host) {
      const system::Cidr network = network_of(each.address, each.prefix);
      if (std::find(candidates.begin(), candidates.end(), network) == candidates.end())
        candidates.push_back(network);
    }
  }
  return candidates;
}

const Reachable* first_in(const system::Cidr& network, const std::vector<Reachable>& host) {
  const auto found = std::find_if(host.begin(), host.end(),
                                  [&](const Reachable& each) { return network.contains(each.address); });
  return found == host.end() ? nullptr : &*found;
}

NetworkChoice::Member member_of(const Reachable& reachable) {
  const Interface& interface = *reachable.interface;
  return {to_string(reachable.address), interface.name, interface.mbit, interface.mtu,
          interface.kind == InterfaceKind::physical && interface.mbit > 0};
}

std::optional<NetworkChoice> choice_of(const system::Cidr& network, const Addresses& all) {
  NetworkChoice choice{to_string(network), {}};
  for (const auto& host : all) {
    const Reachable* const own = first_in(network, host);
    if (own == nullptr) return std::nullopt;
    choice.members.push_back(member_of(*own));
  }
  return choice;
}

bool is_wireless(const system::Cidr& network, const Addresses& all) {
  return std::any_of(all.begin(), all.end(), [&](const auto& host) {
    const Reachable* const own = first_in(network, host);
    return own != nullptr && own->interface->kind == InterfaceKind::wireless;
  });
}

/// What is smallest is best.
auto rank_of(const system::Cidr& network, const NetworkChoice& choice, const Addresses& all) {
  const auto slowest = std::min_element(choice.members.begin(), choice.members.end(),
                                        [](const auto& a, const auto& b) { return a.mbit < b.mbit; });
  return std::tuple(-slowest->mbit, is_wireless(network, all), network.first.v6, -network.prefix);
}

std::string names_in(const system::Cidr& network, std::span<const HostNetwork> hosts, const Addresses& all) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    if (first_in(network, all[i]) != nullptr) names.push_back(hosts[i].name);
  return fmt::format("{}", fmt::join(names, ", "));
}

[[noreturn]] void fail_unshared(std::span<const HostNetwork> hosts, const Addresses& all) {
  constexpr std::size_t most_told = 8;
  std::vector<std::string> told;
  for (const system::Cidr& network : candidates_of(all))
    if (told.size() < most_told)
      told.push_back(fmt::format("{} has {}", to_string(network), names_in(network, hosts, all)));
  for (std::size_t i = 0; i < hosts.size(); ++i)
    if (all[i].empty()) told.push_back(fmt::format("{} has no address of its own", hosts[i].name));
  fail("the hosts share no network: {}; connect them, or name one with --network", fmt::join(told, "; "));
}

}  // namespace

NetworkChoice choose_network(std::span<const HostNetwork> hosts) {
  const Addresses every = all_addresses(hosts);
  const Addresses all = without(every, repeated_addresses(every));
  std::optional<NetworkChoice> best;
  std::optional<system::Cidr> best_network;
  for (const system::Cidr& network : candidates_of(all)) {
    const std::optional<NetworkChoice> choice = choice_of(network, all);
    if (!choice || (best && rank_of(network, *choice, all) >= rank_of(*best_network, *best, all))) continue;
    best = choice;
    best_network = network;
  }
  if (!best) fail_unshared(hosts, all);
  return *best;
}

NetworkChoice use_network(const std::string& cidr, std::span<const HostNetwork> hosts) {
  const system::Cidr network = system::parse_cidr(cidr);
  const Addresses all = all_addresses(hosts);
  NetworkChoice choice{to_string(network), {}};
  std::vector<std::string> outside;
  std::map<system::Address, std::string> owners;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const Reachable* const own = first_in(network, all[i]);
    if (own == nullptr) {
      outside.push_back(hosts[i].name);
      continue;
    }
    const auto [owner, is_new] = owners.emplace(own->address, hosts[i].name);
    require(is_new, "{} and {} both have the address {} of the network {}", owner->second, hosts[i].name,
            to_string(own->address), choice.cidr);
    choice.members.push_back(member_of(*own));
  }
  require(outside.empty(), "{} {} no address in the network {}", fmt::join(outside, ", "),
          outside.size() == 1 ? "has" : "have", choice.cidr);
  return choice;
}

NetworkChoice find_network(const std::string& cidr, std::span<const HostNetwork> hosts) {
  return cidr.empty() ? choose_network(hosts) : use_network(cidr, hosts);
}

}  // namespace yoke::hosts
