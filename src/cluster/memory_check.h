// Does the model fit? Asked before anything is loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/topology.h"
#include "cluster/protocol.h"
#include "comm/comm.h"

namespace yoke::cluster {

/// What one rank will take, and of what it is made up: "weights 2.90 GB, KV cache 134 MB, scratch 21.0 MB".
struct MemoryNeed {
  std::uint64_t bytes = 0;
  std::string breakdown;
};
using MemoryNeedOf = std::function<MemoryNeed(int rank, int ranks)>;

/// Empty if every machine has what its ranks need together; else the sentence with the arithmetic for the
/// first that has not. `claims` and `places` are in rank order.
std::string judge_memory(std::span<const RankPlace> places, std::span<const MemoryClaim> claims);

/// A collective. True if the model fits; else rank 0 throws Error with the sentence, and the others get
/// false.
bool check_memory(comm::Comm& comm, std::span<const RankPlace> places, const MemoryNeed& mine,
                  const Memory& memory);

}  // namespace yoke::cluster
