// The TCP ports of a job that has ranks on several machines, and of nothing else: what a firewall has to let
// through between them.
#pragma once

#include <cstdint>

namespace yoke::cluster {

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};

/// Links between ranks, encrypted (cluster/rendezvous.h). A job takes one.
inline constexpr PortRange link_ports{45200, 45215};
/// Open MPI's daemons and ranks; neither encrypted nor guarded. What it is told by its options.
inline constexpr PortRange mpi_daemon_ports_v4{45000, 45031};
inline constexpr PortRange mpi_daemon_ports_v6{45100, 45131};
inline constexpr PortRange mpi_rank_ports_v4{46000, 46015};
inline constexpr PortRange mpi_rank_ports_v6{46100, 46115};

}  // namespace yoke::cluster
