// Does the model fit? Asked before anything is loaded.
#pragma once

#include <span>
#include <string>

#include "base/topology.h"
#include "cluster/protocol.h"
#include "comm/comm.h"
#include "model/loader.h"

namespace yoke::cluster {

/// Empty if every machine has what its ranks need together; else the sentence with the arithmetic for the
/// first that has not, and the remedy where the KV caches are what is too much. `claims` and `places` are in
/// rank order.
std::string judge_memory(std::span<const RankPlace> places, std::span<const MemoryClaim> claims);

/// A collective. True if the model fits; else rank 0 throws Error with the sentence, and the others get
/// false.
bool check_memory(comm::Comm& comm, std::span<const RankPlace> places, const model::MemoryNeed& mine,
                  const Memory& memory);

}  // namespace yoke::cluster
