// What a rank's working thread is at, for whoever watches it from another one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace yoke {

enum class Phase : std::uint8_t {
  starting,  // nothing has been loaded yet
  loading,
  measuring,  // what the machine can do
  computing,
  exchanging,  // waits for other ranks
  idle,        // has nothing to do, or is not in the engine
};
constexpr Phase last_enumerator(Phase) { return Phase::idle; }

/// A Pulse at one moment. Of the counts it only matters whether they move, but `finished` is told to people.
struct Beat {
  Phase phase = Phase::starting;
  std::uint64_t finished = 0;  // operations: parallel regions and exchanges
  std::uint64_t ticks = 0;     // pieces of operations, of all threads: they move however long one lasts
  std::uint64_t looks = 0;     // while exchanging: for what the others have sent
  bool operator==(const Beat&) const = default;
};

/// Everything here costs about a nanosecond and never waits. The working thread enters phases, finishes and
/// looks; threads of its pool tick; any thread reads.
class Pulse {
 public:
  Phase phase() const { return phase_.load(std::memory_order_relaxed); }
  void enter(Phase phase) { phase_.store(phase, std::memory_order_relaxed); }
  /// An operation has ended.
  void finish() { raise(finished_); }
  void look() { raise(looks_); }

  /// Thread `thread` of a pool has done a piece of an operation.
  void tick(int thread) { raise(ticks_[static_cast<std::size_t>(thread) % ticks_.size()].n); }
  /// The same for a thread that does not know its number, after a millisecond's work or more: threads that do
  /// it at once hold each other up.
  void tick() { ticks_of_any_.fetch_add(1, std::memory_order_relaxed); }

  Beat read() const {
    Beat beat{phase(), finished_.load(std::memory_order_relaxed),
              ticks_of_any_.load(std::memory_order_relaxed), looks_.load(std::memory_order_relaxed)};
    for (const Ticks& ticks : ticks_) beat.ticks += ticks.n.load(std::memory_order_relaxed);
    return beat;
  }

 private:
  /// On a cache line of its own.
  struct alignas(64) Ticks {
    std::atomic<std::uint64_t> n = 0;
  };

  /// With one writer an atomic addition would be five times as dear. Where two share a count, which takes
  /// more than 64 threads, one of their pieces may go uncounted.
  static void raise(std::atomic<std::uint64_t>& n) {
    n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  alignas(64) std::atomic<Phase> phase_ = Phase::starting;
  std::atomic<std::uint64_t> finished_ = 0;
  std::atomic<std::uint64_t> looks_ = 0;
  alignas(64) std::atomic<std::uint64_t> ticks_of_any_ = 0;
  std::array<Ticks, 64> ticks_;
};

/// The working thread is in a phase until this ends, then again in the one before.
class PhaseScope {
 public:
  PhaseScope(Pulse& pulse, Phase phase) : pulse_(pulse), before_(pulse.phase()) { pulse.enter(phase); }
  ~PhaseScope() { pulse_.enter(before_); }
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  Pulse& pulse_;
  const Phase before_;
};

}  // namespace yoke
