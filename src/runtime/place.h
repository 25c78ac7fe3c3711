// Where the ranks run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "comm/comm.h"

namespace yoke::runtime {

/// Where a rank runs, and what it may use there.
struct Place {
  std::int32_t rank = 0;
  std::string host;     // its name, for people
  std::string machine;  // equal for ranks that share cores and memory
  std::string network;  // equal for ranks that reach each other on 127.0.0.1
  std::int64_t pid = 0;
  std::int32_t cores = 0;          // that the rank's process may use
  std::vector<std::int32_t> cpus;  // a processor of each core; at least `cores`, or none where unknown
  std::int32_t threads = 0;        // of the rank
};

/// "rank 2 (host node3, pid 4242)"
std::string describe(const Place& place);
/// "rank 2 on node3: SENTENCE"
std::string attributed(const Place& place, const std::string& sentence);

/// A collective: where every rank runs, in rank order. `threads` is what this one was given; with 0 it has
/// its share of the cores.
std::vector<Place> gather_places(comm::Comm& comm, std::int32_t threads);

}  // namespace yoke::runtime
