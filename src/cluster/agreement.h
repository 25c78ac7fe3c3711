// Can the ranks compute together? Asked before anything is loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "cluster/memory_check.h"
#include "comm/comm.h"
#include "runtime/place.h"

namespace yoke::cluster {

using runtime::Place;

/// What one rank has found before it loads.
struct Findings {
  std::string error;        // why it cannot go on; where there is one, the rest does not count
  std::uint64_t model = 0;  // the fingerprint of its file
  MemoryClaim memory;
};

/// Empty if all can go on, with copies of one file, and every machine has room; else the sentence of the
/// first that is against it. What rank 0 finds itself comes first and is told of none in particular, for most
/// errors are found by every rank alike. Both are in rank order.
std::string judge_findings(std::span<const Place> places, std::span<const Findings> findings);

/// A collective. Where nothing is against it, how many pages of KV caches all have room for, at most those of
/// so many contexts; else rank 0 throws Error with the sentence, and the others get nothing.
std::optional<std::int64_t> check_findings(comm::Comm& comm, std::span<const Place> places,
                                           const Findings& mine, std::int64_t contexts);

}  // namespace yoke::cluster
