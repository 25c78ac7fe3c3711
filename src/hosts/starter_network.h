// How the hosts of a run reach the machine that starts it.
#pragma once

#include <string>

namespace yoke::hosts {

/// The network of the address by which this machine speaks to `address`: CIDR. Empty where that lies in
/// `network` itself, as where this machine is one of the hosts. Throws Error where this machine has no way to
/// `address`.
std::string starter_network(const std::string& network, const std::string& address);

}  // namespace yoke::hosts
