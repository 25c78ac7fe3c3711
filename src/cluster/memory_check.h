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
  std::uint64_t budget = 0;  // of `available`, what pages beyond the needed ones may fill
};

/// What a rank needs and may have: what is free, but no more than `most` where that is given (not 0). Of what
/// is free, the system keeps some.
MemoryClaim claim(const model::MemoryNeed& need, const Memory& memory, std::uint64_t most);

/// Empty if every machine has what its ranks need together; else the sentence with the arithmetic for the
/// first that has not, and the remedy where the KV caches are what is too much. `claims` and `places` are in
/// rank order.
std::string judge_memory(std::span<const runtime::Place> places, std::span<const MemoryClaim> claims);

/// How many pages of KV caches every rank has room for: those that it needs, and up to `contexts` times as
/// many where every machine's budget has room. Memory has been found to do.
std::int64_t affordable_pages(std::span<const runtime::Place> places, std::span<const MemoryClaim> claims,
                              std::int64_t contexts);

}  // namespace yoke::cluster
