// What carries messages between the ranks of a list of hosts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/rdma.h"

namespace yoke::hosts {

enum class Transport : std::uint8_t {
  tcp,  // any network
  ucx,  // RDMA: InfiniBand, RoCE
};
std::string_view name_of(Transport transport);

/// A host as far as the choice depends on it.
struct TransportHost {
  std::string name;
  std::vector<RdmaPort> ports;
  bool open_mpi_has_ucx = false;
  std::string interface;  // in the network of the job
};

struct TransportChoice {
  Transport transport = Transport::tcp;
  std::string why;     // a clause: "no host has an RDMA port that is up"
  std::string remedy;  // only where some hosts have RDMA and others lack something for it
};

/// UCX where every host has an active port that this user may use, all of one kind (RoCE: of the interface
/// that is in the job's network), and an Open MPI that has UCX; else TCP. One host alone needs neither.
TransportChoice choose_transport(std::span<const TransportHost> hosts);

}  // namespace yoke::hosts
