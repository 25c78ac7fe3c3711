// How ranks that share a machine share its cores. Pure: every rank finds the same for all.
#pragma once

#include <span>
#include <vector>

#include "runtime/place.h"

namespace yoke::runtime {

/// The places with a number of threads for each rank: one that was given none has its share of the cores that
/// it may use, with all ranks that may use any of them; at least one.
std::vector<Place> with_threads(std::vector<Place> places);

/// The processors that the threads of rank `rank` are to be bound to, one each; empty where the system is to
/// place them. Ranks that may use the same cores take theirs one after the other, in rank order; ranks that
/// were bound to cores of their own stay there. Nothing is bound where cores are too few for all threads, and
/// nothing where half of them or more stay free: then another program would fare better beside threads that
/// can give way, above all another job of this one, which could be bound to the very same cores.
std::vector<int> cpus_of_rank(std::span<const Place> places, int rank);

/// How many ranks run on the machine of rank `rank`, itself included.
int ranks_beside(std::span<const Place> places, int rank);

}  // namespace yoke::runtime
