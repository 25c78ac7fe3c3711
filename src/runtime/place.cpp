#include "runtime/place.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/topology.h"
#include "comm/gather.h"
#include "runtime/placement.h"
#include "runtime/wire.h"

namespace yoke::runtime {
namespace {

Place this_place(int rank, std::int32_t threads) {
  const Topology topology = read_topology();
  return {rank,       read_host_name(), read_machine_name(), read_network_name(),
          ::getpid(), topology.cores,   topology.core_cpus,  threads};
}

}  // namespace

std::string describe(const Place& place) {
  return fmt::format("rank {} (host {}, pid {})", place.rank, place.host, place.pid);
}
std::string attributed(const Place& place, const std::string& sentence) {
  return fmt::format("rank {} on {}: {}", place.rank, place.host, sentence);
}

std::vector<Place> gather_places(comm::Comm& comm, std::int32_t threads) {
  return with_threads(comm::gather(comm, this_place(comm.rank(), threads)));
}

}  // namespace yoke::runtime
