// The port that Open MPI's daemons of a run listen on. A daemon that is given a range takes all of it, so
// each run needs a port of its own. None of them takes a port that a connection still has, even one that
// ended within the last minute (TIME_WAIT): mpirun would wait for its daemons without a word.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/ports.h"

namespace yoke::hosts {

/// Those of the range that a TCP socket of this machine has, whatever its state, in order. Reads `root`/proc.
std::vector<int> ports_in_use(const PortRange& range, const std::string& root = "");

/// One of daemon_ports that is not in use anywhere: which, the run's name decides, so that runs which start
/// at the same time seldom take the same. Throws Error where all are in use.
int choose_daemon_port(std::string_view run, std::span<const int> in_use);

}  // namespace yoke::hosts
