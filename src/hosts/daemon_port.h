// The port that Open MPI's daemons of a run listen on. A daemon that is given a range takes all of it, so
// each run needs a port of its own.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/ports.h"

namespace yoke::hosts {

/// Those of the range on which something of this machine listens, in order. Reads `root`/proc.
std::vector<int> listening_ports(const PortRange& range, const std::string& root = "");

/// One of daemon_ports that is not in use anywhere: which, the run's name decides, so that runs which start
/// at the same time seldom take the same. Throws Error where all are in use.
int choose_daemon_port(std::string_view run, std::span<const int> in_use);

}  // namespace yoke::hosts
