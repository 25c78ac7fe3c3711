#include "runtime/placement.h"

#include <algorithm>
#include <cstddef>

#include "base/bytes.h"
#include "base/topology.h"

namespace yoke::runtime {

void fields(auto& archive, Is<Place> auto& place) {
  archive(place.machine, place.cores, place.cpus, place.threads);
}

namespace {

bool have_one_in_common(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

Place place_of(const Topology& topology, int threads) {
  return {read_machine_name(), topology.cores, topology.core_cpus, threads};
}

Place place_of_rank(comm::Comm& comm, const Place& own, int rank) {
  std::vector<std::byte> message;
  if (rank == comm.rank()) {
    ByteWriter writer;
    writer(own);
    message = writer.take();
  }
  comm.broadcast(message, rank);
  ByteReader reader(message, "a rank's place");
  Place place;
  reader(place);
  reader.end();
  return place;
}

}  // namespace

std::vector<int> cpus_of_rank(std::span<const Place> places, int rank) {
  const Place& own = places[static_cast<std::size_t>(rank)];
  std::int64_t before = 0, threads = 0;  // of the ranks before, and of all that share the cores
  for (std::size_t r = 0; r < places.size(); ++r) {
    const Place& other = places[r];
    if (other.machine != own.machine || !have_one_in_common(other.cpus, own.cpus)) continue;
    if (other.cpus != own.cpus) return {};
    if (r < static_cast<std::size_t>(rank)) before += other.threads;
    threads += other.threads;
  }
  if (threads > own.cores || 2 * threads <= own.cores) return {};
  const auto first = own.cpus.begin() + static_cast<std::ptrdiff_t>(before);
  return {first, first + own.threads};
}

int ranks_beside(std::span<const Place> places, int rank) {
  const std::string& machine = places[static_cast<std::size_t>(rank)].machine;
  return static_cast<int>(std::count_if(places.begin(), places.end(),
                                        [&](const Place& place) { return place.machine == machine; }));
}

std::vector<Place> exchange_places(comm::Comm& comm, int threads) {
  const Place own = place_of(read_topology(), threads);
  std::vector<Place> places;
  for (int rank = 0; rank < comm.size(); ++rank) places.push_back(place_of_rank(comm, own, rank));
  return places;
}

}  // namespace yoke::runtime
