#include "hosts/firewall.h"

#include <fmt/core.h>

#include <algorithm>

#include "hosts/ports.h"
#include "system/cidr.h"

namespace yoke::hosts {

namespace {

std::string ports(char between, std::string_view separator) {
  std::string text;
  for (const PortRange& range : port_ranges)
    text += fmt::format("{}{}{}{}", text.empty() ? "" : separator, range.first, between, range.last);
  return text;
}

std::string_view family_of(const std::string& cidr) {
  return cidr.find(':') == std::string::npos ? "ip" : "ip6";
}

/// Networks of all addresses that others can use.
std::vector<system::Cidr> networks_of(const Survey& survey) {
  std::vector<system::Cidr> networks;
  for (const Interface& interface : survey.interfaces) {
    if (!interface.up || interface.kind == InterfaceKind::loopback) continue;
    for (const InterfaceAddress& each : interface.addresses) {
      const auto address = system::parse_address(each.address);
      if (!address || is_link_local(*address) || each.prefix < 0 || each.prefix > address->bits()) continue;
      const system::Cidr network = network_of(*address, each.prefix);
      if (std::find(networks.begin(), networks.end(), network) == networks.end()) networks.push_back(network);
    }
  }
  return networks;
}

}  // namespace

std::vector<std::string> other_networks(const Survey& survey, const std::string& cidr) {
  std::vector<std::string> others;
  for (const system::Cidr& network : networks_of(survey))
    if (to_string(network) != cidr) others.push_back(to_string(network));
  return others;
}

bool has_public_address(const Survey& survey) {
  for (const Interface& interface : survey.interfaces) {
    for (const InterfaceAddress& each : interface.addresses) {
      const auto address = system::parse_address(each.address);
      if (interface.up && address && !is_private(*address)) return true;
    }
  }
  return false;
}

std::string nftables_rules(const std::string& cidr) {
  return fmt::format(
      "nft add table inet yoke\n"
      "nft add chain inet yoke input '{{ type filter hook input priority 0; }}'\n"
      "nft add rule inet yoke input iifname != lo {} saddr != {} tcp dport '{{ {} }}' drop\n"
      "nft add rule inet yoke input iifname != lo meta nfproto {} tcp dport '{{ {} }}' drop\n",
      family_of(cidr), cidr, ports('-', ", "), family_of(cidr) == "ip" ? "ipv6" : "ipv4", ports('-', ", "));
}

std::string ufw_rules(const std::string& cidr) {
  return fmt::format("ufw allow proto tcp from {} to any port {}\nufw deny proto tcp to any port {}\n", cidr,
                     ports(':', ","), ports(':', ","));
}

std::string opening_rule(const std::string& cidr) {
  return fmt::format(
      "ufw allow proto tcp from {} to any port {}, or: nft insert rule inet filter input {} saddr "
      "{} tcp dport '{{ {} }}' accept",
      cidr, ports(':', ","), family_of(cidr), cidr, ports('-', ", "));
}

}  // namespace yoke::hosts
