#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cassert>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/topology.h"

namespace yoke {
namespace {

constexpr int spins_before_yield = 256;  // about 5 µs: the usual gap between two regions of a decode step
// After that nothing is asked of us for a while, unless somebody knows better.
constexpr int least_spins_before_sleep = 4096;
constexpr int spins_per_yield = 64;

void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Returns when `value` is no longer `old`: spins first, soon giving its processor to whoever wants it (it
/// may be the very thread that is waited for), then sleeps: after so long, or after some spins where that is
/// later.
template <class T>
void wait_while_equal(const std::atomic<T>& value, T old, std::chrono::nanoseconds awake) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = awake.count() > 0 ? Clock::now() : Clock::time_point();
  for (std::int64_t spin = 0;; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
    if (spin < spins_before_yield || spin % spins_per_yield != 0) {
      pause_cpu();
      continue;
    }
    if (spin >= least_spins_before_sleep && (awake.count() == 0 || Clock::now() - start >= awake)) break;
    std::this_thread::yield();
  }
  value.wait(old, std::memory_order_acquire);
}

/// Binds the calling thread. Where the system refuses, the thread stays where the system puts it.
void bind_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/// A processor of each of the first `n` cores that this process may use; none where it has fewer.
std::vector<int> first_cores(int n) {
  const Topology topology = read_topology();
  if (n > topology.cores || topology.core_cpus.empty()) return {};
  return {topology.core_cpus.begin(), topology.core_cpus.begin() + n};
}

/// Binds the thread that makes it, and gives that thread its old processors back at the end.
class BoundCaller {
 public:
  explicit BoundCaller(int cpu) : thread_(pthread_self()) {
    if (pthread_getaffinity_np(thread_, sizeof before_, &before_) != 0)
      sched_getaffinity(0, sizeof before_, &before_);
    bind_to(cpu);
  }
  ~BoundCaller() {
    if (pthread_equal(thread_, pthread_self())) pthread_setaffinity_np(thread_, sizeof before_, &before_);
  }
  BoundCaller(const BoundCaller&) = delete;
  BoundCaller& operator=(const BoundCaller&) = delete;

 private:
  pthread_t thread_;
  cpu_set_t before_{};
};

/// One that threads count with does not share its cache line.
struct alignas(64) Cursor {
  std::atomic<std::int64_t> at{0};
};

}  // namespace

struct ThreadPool::State {
  explicit State(int size_) : size(size_), first_left(static_cast<std::size_t>(size_)) {}

  const int size;
  std::optional<BoundCaller> caller;
  std::vector<std::thread> workers;
  std::vector<Cursor> first_left;
  Pulse unwatched;  // where nobody gave another
  std::atomic<std::chrono::nanoseconds> awake{std::chrono::nanoseconds(0)};

  // Written by the caller before it raises `region`, read by workers after they have seen it raised: all in
  // one cache line, which reaches a worker once.
  alignas(64) void (*body)(void*, int) = nullptr;
  void* context = nullptr;
  bool stop = false;
  std::atomic<std::uint32_t> region{0};  // number of the current region; workers wait for it to rise

  alignas(64) std::atomic<int> working{0};  // workers that have not ended it; the caller waits for 0

  alignas(64) std::atomic<int> met{0};                 // threads that have come to the current meeting
  alignas(64) std::atomic<std::uint32_t> meetings{0};  // all that have ended, be it because a thread failed

  std::atomic_flag failed;  // set by the first thread whose body throws: it alone writes `error`
  std::exception_ptr error;

  void call(int thread) noexcept {
    try {
      body(context, thread);
    } catch (...) {
      if (!failed.test_and_set()) error = std::current_exception();
      end_meeting();  // those that wait there would wait for ever
    }
  }

  bool meet() {
    const std::uint32_t before = meetings.load();
    if (met.fetch_add(1) + 1 == size) {
      met.store(0, std::memory_order_relaxed);
      end_meeting();
    } else if (!failed.test()) {  // looked at after `before`, which may have risen for a failure
      wait_while_equal(meetings, before, awake.load());
    }
    return !failed.test();
  }

  void end_meeting() {
    meetings.fetch_add(1);
    meetings.notify_all();
  }

  void raise_region() {
    met.store(0, std::memory_order_relaxed);
    working.store(size - 1, std::memory_order_relaxed);
    region.fetch_add(1);
    region.notify_all();
  }

  void work(int thread) {
    for (std::uint32_t seen = 0;; ++seen) {
      wait_while_equal(region, seen, awake.load());
      if (stop) return;
      call(thread);
      if (working.fetch_sub(1) == 1) working.notify_one();
    }
  }

  void stop_workers() {
    stop = true;
    raise_region();
    for (std::thread& worker : workers) worker.join();
  }
};

ThreadPool::ThreadPool(int threads, bool pin)
    : ThreadPool(threads, pin ? first_cores(threads) : std::vector<int>()) {}

ThreadPool::ThreadPool(int threads, std::span<const int> cpus, Pulse* pulse)
    : state_(std::make_unique<State>(threads)), pulse_(pulse != nullptr ? pulse : &state_->unwatched) {
  assert(threads >= 1 && (cpus.empty() || std::ssize(cpus) == threads));
  try {
    for (int thread = 1; thread < threads; ++thread) {
      const int cpu = cpus.empty() ? -1 : cpus[static_cast<std::size_t>(thread)];
      state_->workers.emplace_back([state = state_.get(), thread, cpu] {
        if (cpu >= 0) bind_to(cpu);
        state->work(thread);
      });
    }
  } catch (...) {  // the system refuses another thread: those already started must end first
    state_->stop_workers();
    throw;
  }
  if (!cpus.empty()) state_->caller.emplace(cpus.front());
}

ThreadPool::~ThreadPool() { state_->stop_workers(); }

int ThreadPool::size() const { return state_->size; }

std::uint32_t ThreadPool::regions() const { return state_->region.load(); }

void ThreadPool::stay_awake(std::chrono::nanoseconds time) { state_->awake = time; }

bool ThreadPool::meet() { return state_->meet(); }

bool ThreadPool::is_pinned() const { return state_->caller.has_value(); }

std::atomic<std::int64_t>& ThreadPool::first_left(int thread) {
  return state_->first_left[static_cast<std::size_t>(thread)].at;
}

void ThreadPool::run_region(void (*body)(void*, int), void* context) {
  State& state = *state_;
  assert(state.working.load() == 0 && "regions do not nest, and one thread at a time uses a pool");
  state.body = body;
  state.context = context;
  busy_ = true;
  if (state.size > 1) state.raise_region();
  state.call(0);
  for (int left = state.working.load(std::memory_order_acquire); left != 0;
       left = state.working.load(std::memory_order_acquire)) {
    wait_while_equal(state.working, left, state.awake.load());
  }
  busy_ = false;
  pulse_->finish();
  run_errand();
  if (state.failed.test(std::memory_order_relaxed)) {
    state.failed.clear(std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(state.error, nullptr));
  }
}

}  // namespace yoke
