// The ports of this machine that move memory to other machines by themselves: InfiniBand, and RoCE over
// Ethernet.
#pragma once

#include <string>
#include <vector>

namespace yoke::hosts {

struct RdmaPort {
  std::string name;                     // "mlx5_0/1": device and port
  std::string link_layer;               // "InfiniBand"; "Ethernet", which is RoCE
  std::string state;                    // "ACTIVE", "DOWN", "INIT"
  int gbit = 0;                         // gigabits per second; 0 where it does not say
  std::vector<std::string> interfaces;  // of the network, whose addresses it uses: RoCE only reaches these
  std::string device_file;              // by which programs use it: "/dev/infiniband/uverbs0"
  bool permitted = false;               // it is there, and this user may open it
  bool operator==(const RdmaPort&) const = default;
};

/// In the order of their names, from `root`/sys/class/infiniband. Leaves out what UCX cannot use or would not
/// gain by: iWARP, and RDMA in software. Never fails.
std::vector<RdmaPort> read_rdma_ports(const std::string& root = "");

/// "InfiniBand" or "RoCE".
std::string kind_of(const RdmaPort& port);

}  // namespace yoke::hosts
