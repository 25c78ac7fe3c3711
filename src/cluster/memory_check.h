// Does the model fit?
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/topology.h"
#include "model/loader.h"
#include "runtime/place.h"

namespace yoke::cluster {

/// What loading takes of a rank's machine, and what that has left.
struct MemoryClaim {
  model::MemoryNeed need;
  std::uint64_t available = 0;
  std::string limited_by;
};

/// What a rank needs and may have: what is free, but no more than `most` where that is given (not 0).
MemoryClaim claim(const model::MemoryNeed& need, const Memory& memory, std::uint64_t most);

/// Empty if every machine has what its ranks need together; else the sentence with the arithmetic for the
/// first that has not, and the remedy where the KV caches are what is too much. `claims` and `places` are in
/// rank order.
std::string judge_memory(std::span<const runtime::Place> places, std::span<const MemoryClaim> claims);

}  // namespace yoke::cluster
