// Do the ranks mean the same? Asked before anything is loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "cluster/protocol.h"
#include "comm/comm.h"

namespace yoke::cluster {

/// A collective. Calls `look` on every rank; true if it threw on none. Else rank 0 throws Error, with its own
/// sentence if it has one, so that what every rank finds alike is told of none in particular, and otherwise
/// with that of the first rank that has one; the others get false.
bool check_looks(comm::Comm& comm, std::span<const RankPlace> places, const std::function<void()>& look);

/// What must be alike on every rank, or they would compute nonsense together, or wait for each other for
/// ever.
struct Terms {
  std::uint64_t model = 0;  // its fingerprint
  std::int64_t context = 0;
  std::int64_t prefill_chunk = 0;
  std::string kv_type;
  std::string activations;
};

/// Empty if all terms are alike; else the sentence that names the first rank that differs from rank 0. Both
/// are in rank order.
std::string judge_terms(std::span<const RankPlace> places, std::span<const Terms> terms);

/// A collective. True if all terms are alike; else rank 0 throws Error with the sentence, and the others get
/// false.
bool check_terms(comm::Comm& comm, std::span<const RankPlace> places, const Terms& mine);

}  // namespace yoke::cluster
