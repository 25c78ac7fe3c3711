// The TCP ports that the hosts of a run use, so that a firewall can be told.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace yoke::hosts {

struct PortRange {
  std::string_view what;
  std::uint16_t first;
  std::uint16_t last;  // included
  constexpr int count() const { return last - first + 1; }
};

inline constexpr PortRange daemon_ports{"Open MPI's daemons", 45000, 45127};  // one for each run
inline constexpr PortRange link_ports{"Yoke's links", 45200, 45215};       // of rank 0 with the others (TLS)
inline constexpr PortRange message_ports{"MPI's messages", 46000, 46999};  // one for each rank on a machine
inline constexpr std::array<PortRange, 3> port_ranges{daemon_ports, link_ports, message_ports};

}  // namespace yoke::hosts
