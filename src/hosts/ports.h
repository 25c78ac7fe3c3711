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
};

/// Open MPI's daemons, Yoke's links (TLS), MPI's messages.
inline constexpr std::array<PortRange, 3> port_ranges{{
    {"Open MPI's daemons", 45000, 45031},
    {"Yoke's links", 45200, 45215},
    {"MPI's messages", 46000, 46015},
}};

}  // namespace yoke::hosts
