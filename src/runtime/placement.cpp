#include "runtime/placement.h"

#include <algorithm>
#include <cstddef>

namespace yoke::runtime {
namespace {

bool have_one_in_common(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

bool share_cores(const Place& a, const Place& b) {
  return a.machine == b.machine && have_one_in_common(a.cpus, b.cpus);
}

}  // namespace

std::vector<Place> with_threads(std::vector<Place> places) {
  for (Place& place : places) {
    if (place.threads > 0) continue;
    // Cores that are not known are those of the whole machine.
    const auto sharers = std::count_if(places.begin(), places.end(), [&](const Place& other) {
      return place.cpus.empty() ? other.machine == place.machine : share_cores(place, other);
    });
    place.threads = std::max<std::int32_t>(1, place.cores / static_cast<std::int32_t>(sharers));
  }
  return places;
}

std::vector<int> cpus_of_rank(std::span<const Place> places, int rank) {
  const Place& own = places[static_cast<std::size_t>(rank)];
  std::int64_t before = 0, threads = 0;  // of the ranks before, and of all that share the cores
  for (std::size_t r = 0; r < places.size(); ++r) {
    const Place& other = places[r];
    if (!share_cores(other, own)) continue;
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

}  // namespace yoke::runtime
