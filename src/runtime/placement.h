// Which cores each rank's threads keep to where several ranks share a machine.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "comm/comm.h"

namespace yoke::runtime {

/// Where a rank runs, and what it may use there.
struct Place {
  std::string machine;             // the same for all ranks of one machine, other than those of any other
  std::int32_t cores = 0;          // that the rank's process may use
  std::vector<std::int32_t> cpus;  // a processor of each core; at least `cores`, or none where unknown
  std::int32_t threads = 0;        // of the rank
};

/// The processors that the threads of rank `rank` are to be bound to, one each; empty where the system is to
/// place them. Ranks that may use the same cores take theirs one after the other, in rank order; ranks that
/// were bound to cores of their own stay there. Nothing is bound where cores are too few for all threads, and
/// nothing where half of them or more stay free: then another program would fare better beside threads that
/// can give way, above all another job of this one, which could be bound to the very same cores.
std::vector<int> cpus_of_rank(std::span<const Place> places, int rank);

/// How many ranks run on the machine of rank `rank`, itself included.
int ranks_beside(std::span<const Place> places, int rank);

/// A collective: where every rank runs, in rank order. This one's `threads` threads want a core each.
std::vector<Place> exchange_places(comm::Comm& comm, int threads);

}  // namespace yoke::runtime
