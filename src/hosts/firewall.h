// Who can reach the ports that MPI leaves open, and rules by which only the hosts themselves can.
#pragma once

#include <string>
#include <vector>

#include "hosts/network.h"
#include "hosts/survey.h"

namespace yoke::hosts {

/// Networks beside `cidr` that a host has an address in: from there its ports can be reached, too.
std::vector<std::string> other_networks(const Survey& survey, const std::string& cidr);

/// Whether one of its addresses is of the internet.
bool has_public_address(const Survey& survey);

/// Lines to paste into a root shell on each host: TCP connections to the ports from outside `cidr` are
/// dropped.
std::string nftables_rules(const std::string& cidr);
std::string ufw_rules(const std::string& cidr);
/// Lines by which a firewall that drops everything lets the hosts in.
std::string opening_rule(const std::string& cidr);

}  // namespace yoke::hosts
