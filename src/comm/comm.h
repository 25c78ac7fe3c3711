// What ranks say to each other. A Comm is handed to whoever communicates; with one rank every operation is
// the identity. Implementations: `solo` and `threads` here, MPI in cluster/.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/pulse.h"

namespace yoke::comm {

/// What one rank has sent through its Comm so far, for the statistics a person sees.
struct Traffic {
  std::uint64_t calls = 0;  // all_reduce calls
  std::uint64_t bytes = 0;  // bytes of the vectors reduced (4 × their length)
  double seconds = 0;       // time spent inside all_reduce and all_gather, waiting included
};

/// One rank's end of a group of `size()` ranks. All ranks call the same collectives in the same order with
/// the same sizes. Not thread-safe: one thread of a rank uses it at a time. A peer that dies or is stopped
/// makes the pending call throw yoke::Error or end the process; it never hangs for good.
class Comm {
 public:
  virtual ~Comm() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Replaces x by the sum over all ranks. The addends of each element are added in rank order (((r0 + r1) +
  /// r2) + …), so every rank gets the same bits, and they depend neither on the length of x nor on the
  /// transport.
  void all_reduce(std::span<float> x);

  /// Concatenates every rank's `mine` in rank order into `all`. counts[r] is rank r's length (known to every
  /// rank, may be 0); mine.size() == counts[rank()], all.size() == the sum of the counts.
  void all_gather(std::span<const float> mine, std::span<const std::int64_t> counts, std::span<float> all);

  /// Rank `root`'s message becomes everyone's. Other ranks' argument is overwritten, whatever its size.
  virtual void broadcast(std::vector<std::byte>& message, int root) = 0;

  /// Waiting without burning a core: a follower with nothing to do calls sleep() and returns from it once
  /// rank 0 has called wake_followers(). Rank 0 calls wake_followers() exactly once for every time the
  /// followers go to sleep. Ranks that have nobody to wait for return at once.
  virtual void sleep() {}
  virtual void wake_followers() {}

  const Traffic& traffic() const { return traffic_; }
  /// Of the thread that uses this; a transport that waits says so there.
  Pulse& pulse() { return pulse_; }

 protected:
  virtual void do_all_reduce(std::span<float> x) = 0;
  virtual void do_all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                             std::span<float> all) = 0;

 private:
  Traffic traffic_;
  Pulse pulse_;
};

/// out[i] = ((parts[0][i] + parts[1][i]) + parts[2][i]) + …; the one order of addition of every transport.
/// `out` may be one of the parts.
void add_in_rank_order(std::span<const float* const> parts, std::span<float> out);

}  // namespace yoke::comm
