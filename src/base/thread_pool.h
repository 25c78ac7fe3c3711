// A pool of threads that stay; the caller is one of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "base/pulse.h"

namespace yoke {

/// Between two parallel regions workers spin for some thousands of iterations (a decode step has a region
/// every few tens of microseconds), then sleep. One thread at a time may use a pool; regions do not nest. Its
/// pulse tells of every region, and of pieces of those that last.
class ThreadPool {
 public:
  /// `threads` ≥ 1 counts the caller. With `pin`, thread i is bound to the i-th physical core this process
  /// may use, where there are that many; otherwise the system places them.
  explicit ThreadPool(int threads, bool pin = false);
  /// Binds thread i to processor cpus[i]; where there are none, the system places the threads. At the end the
  /// caller may use what it might before. `pulse` outlives the pool; null: nobody watches.
  ThreadPool(int threads, std::span<const int> cpus, Pulse* pulse = nullptr);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;
  /// Whether it has bound its threads to processors.
  bool is_pinned() const;
  /// Parallel regions so far; with a single thread there are none.
  std::uint32_t regions() const;
  /// Of the thread that uses the pool.
  Pulse& pulse() { return *pulse_; }
  /// Whether a region is under way: asked by the caller's thread, in something that a region calls.
  bool busy() const { return busy_; }

  /// The caller's thread runs it after every region and between two pieces of a long one; it is short. What
  /// it throws comes out of the region. Null: nothing.
  struct Errand {
    void (*run)(void*) = nullptr;
    void* context = nullptr;
  };
  void set_errand(Errand errand) { errand_ = errand; }

  /// How long workers look for the next region before they sleep; no less than some microseconds.
  void stay_awake(std::chrono::nanoseconds time);

  /// Calls body(thread) once on every thread, 0 being the caller; returns when all have ended. The first
  /// exception a body throws is thrown again here.
  template <class Body>
  void run(Body&& body) {
    run_region(
        [](void* context, int thread) { (*static_cast<std::remove_reference_t<Body>*>(context))(thread); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

  /// The same with several bodies in one region: each begins, on every thread, when the one before it has
  /// ended on all of them. After an exception the bodies that follow may be left out.
  template <class First, class... Others>
  void run_in_turn(First&& first, Others&&... others) {
    run([&](int thread) {
      first(thread);
      (void)((meet() && (others(thread), true)) && ...);
    });
  }

  /// Splits [0, n) into one contiguous range per thread, as even as whole multiples of `grain` allow, and
  /// calls body(begin, end) for the non-empty ones. The same n, grain and size always give the same ranges.
  template <class Body>
  void split(std::int64_t n, std::int64_t grain, Body&& body) {
    const std::int64_t grains = (n + grain - 1) / grain;
    if (size() == 1 || grains <= 1) {
      if (n > 0) body(std::int64_t{0}, n);
      pulse_->finish();
      run_errand();
      return;
    }
    run([&](int thread) { split_of(thread, n, grain, body); });
  }

  /// What one thread does of split(), for use inside of a region.
  template <class Body>
  void split_of(int thread, std::int64_t n, std::int64_t grain, Body&& body) const {
    const std::int64_t grains = (n + grain - 1) / grain;
    const std::int64_t begin = grains * thread / size() * grain;
    const std::int64_t end = thread + 1 == size() ? n : grains * (thread + 1) / size() * grain;
    if (begin < end) body(begin, end);
  }

  /// Inside of a region: thread `thread` has done a piece of a long one.
  void end_piece(int thread) {
    pulse_->tick(thread);
    if (thread == 0) run_errand();
  }

  /// Calls body(begin, end) for ranges that make up [0, n). A thread begins with the first half of what
  /// split() would give it, goes on piece by piece, and then takes pieces that others have not come to: one
  /// on a slow processor, or on one that somebody else uses too, does less. Which thread gets what changes.
  template <class Body>
  void share(std::int64_t n, Body&& body) {
    if (size() == 1)
      return split(n, 1, [&](std::int64_t begin, std::int64_t end) { take(0, begin, end, body); });
    if (n < least_shared * size()) return split(n, 1, body);
    leave_all(n);
    run([&](int thread) { share_of(thread, n, body); });
  }

  /// The same in one region after before(thread), which has ended on all threads when the first range is
  /// begun.
  template <class Before, class Body>
  void share_after(Before&& before, std::int64_t n, Body&& body) {
    if (size() > 1 && n >= least_shared * size()) {
      leave_all(n);
      run_in_turn(before, [&](int thread) { share_of(thread, n, body); });
    } else {
      run_in_turn(before, [&](int thread) {
        split_of(thread, n, 1, [&](std::int64_t begin, std::int64_t end) { take(thread, begin, end, body); });
      });
    }
  }

 private:
  static constexpr std::int64_t pieces_per_thread = 16;
  static constexpr std::int64_t least_shared = 4;  // per thread; fewer are not worth the pieces
  static constexpr std::int64_t most_taken = 64;   // at once, so that the pulse is felt in between

  void run_region(void (*body)(void*, int), void* context);
  void run_errand() {
    if (errand_.run != nullptr) errand_.run(errand_.context);
  }
  /// Inside of a region: returns when every thread has called it, or false when one has thrown.
  bool meet();

  std::int64_t start_of(int thread, std::int64_t n) const { return n * thread / size(); }
  /// Where the first half of a thread's range ends.
  std::int64_t half_of(int thread, std::int64_t n) const {
    return (start_of(thread, n) + start_of(thread + 1, n)) / 2;
  }
  /// Before a region with share_of(): nobody has taken any piece.
  void leave_all(std::int64_t n) {
    for (int thread = 0; thread < size(); ++thread)
      first_left(thread).store(half_of(thread, n), std::memory_order_relaxed);
  }
  /// Calls body for ranges that make up [begin, end).
  template <class Body>
  void take(int thread, std::int64_t begin, std::int64_t end, Body&& body) {
    for (; begin < end; begin += most_taken) {
      body(begin, std::min(begin + most_taken, end));
      end_piece(thread);
    }
  }
  /// What one thread does of share().
  template <class Body>
  void share_of(int thread, std::int64_t n, Body&& body) {
    const std::int64_t piece = std::max<std::int64_t>(1, n / (size() * pieces_per_thread));
    take(thread, start_of(thread, n), half_of(thread, n), body);
    for (int i = 0; i < size(); ++i) {
      const int owner = (thread + i) % size();
      const std::int64_t end = start_of(owner + 1, n);
      for (;;) {
        const std::int64_t begin = first_left(owner).fetch_add(piece, std::memory_order_relaxed);
        if (begin >= end) break;
        take(thread, begin, std::min(begin + piece, end), body);
      }
    }
  }

  /// Of a thread's range in share(), the beginning of what nobody has taken yet.
  std::atomic<std::int64_t>& first_left(int thread);
  struct State;
  std::unique_ptr<State> state_;
  Pulse* pulse_;
  Errand errand_;
  bool busy_ = false;
};

}  // namespace yoke
