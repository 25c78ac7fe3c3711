// What ranks say to each other. A Comm is handed to whoever communicates; with one rank every operation is
// the identity. Implementations: `solo` and `threads` here, MPI in cluster/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/pulse.h"
#include "base/thread_pool.h"
#include "base/time_account.h"
#include "comm/addition.h"
#include "comm/algorithm_choice.h"

namespace yoke::comm {

/// What one rank has sent through its Comm so far, for the statistics a person sees.
struct Traffic {
  std::uint64_t calls = 0;  // sums over ranks
  std::uint64_t bytes = 0;  // of the vectors summed, as they travel
  double seconds = 0;       // time spent in sums and all_gather, waiting included
};

/// A sum over ranks that has been started and is to be finished.
class [[nodiscard]] PendingSum {
 public:
  PendingSum() = default;

 private:
  friend class Comm;
  explicit PendingSum(int slot) : slot_(slot) {}
  int slot_ = -1;  // nothing is under way
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
  /// transport nor on the algorithm.
  void all_reduce(std::span<float> x, Wire wire = Wire::f32);

  // The same in two parts, between which the caller does something else. Both are collectives. x is not to be
  // touched in between.
  static constexpr std::size_t most_pending = 2;
  PendingSum start_all_reduce(std::span<float> x, Wire wire = Wire::f32);
  void finish(PendingSum sum);
  /// Moves what has been started, without waiting; where nothing has been, it costs a nanosecond.
  void poll() {
    if (pending_ > 0) do_poll();
  }

  /// Concatenates every rank's `mine` in rank order into `all`. counts[r] is rank r's length (known to every
  /// rank, may be 0); mine.size() == counts[rank()], all.size() == the sum of the counts.
  void all_gather(std::span<const float> mine, std::span<const std::int64_t> counts, std::span<float> all);

  /// Rank `root`'s message becomes everyone's. Other ranks' argument is overwritten, whatever its size.
  virtual void broadcast(std::vector<std::byte>& message, int root) = 0;

  /// To another rank, which calls receive() for as many bytes. Returns once the bytes may be changed.
  /// Messages between two ranks arrive in the order they were sent.
  virtual void send(std::span<const std::byte> bytes, int to) = 0;
  /// From another rank. Throws Error where it has sent another number of bytes.
  virtual void receive(std::span<std::byte> bytes, int from) = 0;

  /// A collective: the ranks that pass the same color become a group of their own, in the order of this one.
  /// The result does not outlive this Comm, and shares its pulse, its time and its user.
  virtual std::unique_ptr<Comm> split(int color) = 0;

  /// Waiting without burning a core: a follower with nothing to do calls sleep() and returns from it once
  /// rank 0 has called wake_followers(). Rank 0 calls wake_followers() exactly once for every time the
  /// followers go to sleep. Ranks that have nobody to wait for return at once.
  virtual void sleep() {}
  virtual void wake_followers() {}

  /// How sums are made from now on; the same on every rank.
  void choose(AlgorithmChoice choice) { choice_ = std::move(choice); }
  const AlgorithmChoice& choice() const { return choice_; }
  /// Threads for what is long to add; null: none. It is used where it is not busy, and outlives that use.
  void use(ThreadPool* pool) { pool_ = pool; }

  const Traffic& traffic() const { return traffic_; }
  /// Of the thread that uses this; a transport that waits says so there.
  Pulse& pulse() { return parent_ == nullptr ? pulse_ : parent_->pulse(); }
  /// Likewise where its time goes.
  TimeAccount& time() { return parent_ == nullptr ? time_ : parent_->time(); }
  /// Of the time in which this waited in a sum, how much for each rank, as far as that can be told: what the
  /// sum took longer than others of its size, for the rank whose addend came last.
  const std::vector<double>& waited_for() const { return waited_for_; }

 protected:
  /// `parent`: of a group that was split off; null: none.
  explicit Comm(Comm* parent = nullptr) : parent_(parent) {}

  virtual void do_start(int slot, std::span<float> x, Wire wire) = 0;
  virtual void do_poll() {}
  /// Returns the rank whose addend came last, or −1 where nobody knows.
  virtual int do_finish(int slot) = 0;
  virtual void do_all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                             std::span<float> all) = 0;
  ThreadPool* pool() const { return pool_; }

 private:
  PendingSum begin(std::span<float> x, Wire wire);
  /// Returns the bytes that the sum had and the rank whose addend came last.
  std::pair<std::size_t, int> end(PendingSum sum);
  void count_waiting(std::size_t bytes, int last, double seconds, bool at_once);

  Comm* const parent_;
  Traffic traffic_;
  AlgorithmChoice choice_;
  ThreadPool* pool_ = nullptr;
  Pulse pulse_;
  TimeAccount time_;
  std::vector<double> waited_for_;
  std::array<std::size_t, most_pending> bytes_{};  // of what has been started in a slot; 0: nothing has
  int pending_ = 0;
  /// Seconds that the caller has waited at least, by the logarithm of a sum's bytes; 0: none was seen. Of
  /// sums in two parts, then of those at once.
  std::array<std::array<double, 64>, 2> fastest_{};
};

}  // namespace yoke::comm
