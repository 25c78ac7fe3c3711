// Which network the hosts of a list share: where ranks reach each other.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hosts/interfaces.h"

namespace yoke::hosts {

/// A host as far as its network counts.
struct HostNetwork {
  std::string name;
  std::vector<Interface> interfaces;
};

struct NetworkChoice {
  std::string cidr;
  struct Member {
    std::string address;    // the host's own in this network
    std::string interface;  // that has it
    int mbit = -1;          // as Interface has them
    int mtu = 0;
    bool negotiated = false;  // whether mbit is what a cable's two ends have agreed on
  };
  std::vector<Member> members;  // in the order of the hosts
};

/// The network in which every host has an address of its own: of the interfaces that are up, without
/// loopback, link-local and containers' networks, nor an address that two hosts have (each host's docker0).
/// Of several the fastest by its slowest interface counts (one that does not say how fast it is comes last),
/// then cables before wireless, IPv4, the one with the fewest addresses, and the first. Throws Error if there
/// is none: the sentence names who shares what.
NetworkChoice choose_network(std::span<const HostNetwork> hosts);

/// The network that the user named: each host's first address in it. Throws Error for hosts that have none,
/// and for an address that two hosts have.
NetworkChoice use_network(const std::string& cidr, std::span<const HostNetwork> hosts);

/// The one of both that is asked for; `cidr` is empty where none was named.
NetworkChoice find_network(const std::string& cidr, std::span<const HostNetwork> hosts);

}  // namespace yoke::hosts
