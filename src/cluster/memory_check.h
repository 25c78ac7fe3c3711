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
  std::uint64_t free = 0;
  std::string limited_by;  // what is free: "memory of the machine"
  std::uint64_t most = 0;  // that all ranks of its host may take; 0: what is free
};

/// What a rank needs, what is free for it, and the most that the ranks of its host may take where that is
/// given (not 0).
MemoryClaim claim(const model::MemoryNeed& need, const Memory& memory, std::uint64_t most);

/// Empty if every machine has, and every host may take, what its ranks need together; else the sentence with
/// the arithmetic for the first that has not, and the remedy where the KV caches are what is too much.
/// `claims` and `places` are in rank order.
std::string judge_memory(std::span<const runtime::Place> places, std::span<const MemoryClaim> claims);

/// How many pages of KV caches every rank has room for: those that it needs, and up to `contexts` times as
/// many where every machine has room: in what its ranks may take, or in most of what is free. Memory has been
/// found to do.
std::int64_t affordable_pages(std::span<const runtime::Place> places, std::span<const MemoryClaim> claims,
                              std::int64_t contexts);

}  // namespace yoke::cluster
