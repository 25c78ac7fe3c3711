#include "comm/threads.h"

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"

namespace yoke::comm {

namespace {

enum class Operation : std::uint8_t { all_reduce, all_gather, broadcast };

/// What a rank shows the others while they are inside one collective.
struct Offer {
  Operation operation{};
  std::size_t extent = 0;  // length or root: the same on every rank
  const float* values = nullptr;
  const std::vector<std::byte>* message = nullptr;
};

}  // namespace

struct ThreadGroup::State {
  explicit State(int size) : offers(static_cast<std::size_t>(size)), sleeps(offers.size()) {}

  std::size_t size() const { return offers.size(); }

  /// Returns once all ranks have called it as often as this one.
  void barrier() {
    std::unique_lock lock(mutex);
    const std::uint64_t mine = generation;
    throw_if_broken();
    if (++arrived == size()) {
      arrived = 0;
      ++generation;
      changed.notify_all();
      return;
    }
    changed.wait(lock, [&] { return generation != mine || broken(); });
    if (generation == mine) throw_if_broken();
  }

  /// Waits until rank 0 has woken this rank once more than it has slept.
  void sleep(std::size_t rank) {
    std::unique_lock lock(mutex);
    ++sleeps[rank];
    changed.wait(lock, [&] { return wakes >= sleeps[rank] || aborted || leader_left; });
    if (wakes < sleeps[rank]) throw_if_broken();
  }

  void wake() {
    const std::lock_guard lock(mutex);
    ++wakes;
    changed.notify_all();
  }

  bool broken() const { return aborted || left; }
  void throw_if_broken() const {
    if (aborted) fail("another rank of the group has failed");
    if (left) fail("rank {} has left the group while others wait for it", *left);
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::size_t arrived = 0;
  std::uint64_t generation = 0;
  std::uint64_t wakes = 0;
  bool aborted = false;
  std::optional<int> left;  // the first that left
  bool leader_left = false;

  // An entry belongs to its rank; the others read it between two barriers.
  std::vector<Offer> offers;
  std::vector<std::uint64_t> sleeps;
  std::vector<std::unique_ptr<Member>> members;
};

class ThreadGroup::Member final : public Comm {
 public:
  Member(State& state, int rank) : state_(state), rank_(static_cast<std::size_t>(rank)) {}

  int rank() const override { return static_cast<int>(rank_); }
  int size() const override { return static_cast<int>(state_.size()); }

  void broadcast(std::vector<std::byte>& message, int root) override {
    assert(root >= 0 && root < size());
    offer({Operation::broadcast, static_cast<std::size_t>(root), nullptr, &message});
    if (rank() != root) message = *state_.offers[static_cast<std::size_t>(root)].message;
    state_.barrier();
  }

  void sleep() override {
    if (rank_ != 0) state_.sleep(rank_);
  }

  void wake_followers() override {
    if (rank_ == 0) state_.wake();
  }

 private:
  /// Each rank adds one piece of the vector into its own copy, then takes the other pieces from their owners.
  void do_all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                     std::span<float> all) override {
    assert(std::ssize(counts) == size() && counts[rank_] == std::ssize(mine));
    offer({Operation::all_gather, all.size(), mine.data(), nullptr});
    auto to = all.begin();
    for (std::size_t r = 0; r < state_.size(); ++r) {
      assert(counts[r] <= all.end() - to);
      if (counts[r] > 0 && state_.offers[r].values != &*to)
        std::copy_n(state_.offers[r].values, counts[r], to);
      to += counts[r];
    }
    assert(to == all.end());
    state_.barrier();
  }

  void do_all_reduce(std::span<float> x) override {
    offer({Operation::all_reduce, x.size(), x.data(), nullptr});
    const auto piece_begin = [&](std::size_t rank) { return x.size() * rank / state_.size(); };
    const auto piece = [&](std::size_t rank) {
      return x.subspan(piece_begin(rank), piece_begin(rank + 1) - piece_begin(rank));
    };
    std::vector<const float*> parts;
    for (const Offer& offered : state_.offers) parts.push_back(offered.values + piece_begin(rank_));
    add_in_rank_order(parts, piece(rank_));
    state_.barrier();
    for (std::size_t r = 0; r < state_.size(); ++r)
      if (r != rank_)
        std::copy_n(state_.offers[r].values + piece_begin(r), piece(r).size(), piece(r).begin());
    state_.barrier();
  }

  /// Shows `mine` to the others, and returns when all have shown theirs.
  void offer(const Offer& mine) {
    state_.offers[rank_] = mine;
    state_.barrier();
    const Offer& first = state_.offers.front();
    for (std::size_t r = 1; r < state_.size(); ++r)
      require(state_.offers[r].operation == first.operation && state_.offers[r].extent == first.extent,
              "ranks called different collectives, or the same one with different sizes (rank 0: {}, rank "
              "{}: {})",
              first.extent, r, state_.offers[r].extent);
  }

  State& state_;
  const std::size_t rank_;
};

ThreadGroup::ThreadGroup(int size) {
  assert(size > 0);
  state_ = std::make_unique<State>(size);
  for (int rank = 0; rank < size; ++rank) state_->members.push_back(std::make_unique<Member>(*state_, rank));
}

ThreadGroup::~ThreadGroup() = default;

int ThreadGroup::size() const { return static_cast<int>(state_->size()); }

Comm& ThreadGroup::comm(int rank) { return *state_->members.at(static_cast<std::size_t>(rank)); }

void ThreadGroup::abort() {
  const std::lock_guard lock(state_->mutex);
  state_->aborted = true;
  state_->changed.notify_all();
}

void ThreadGroup::leave(int rank) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->left) state_->left = rank;
  if (rank == 0) state_->leader_left = true;
  state_->changed.notify_all();
}

void run_ranks(int n, const std::function<void(Comm&)>& body) {
  ThreadGroup group(n);
  std::mutex mutex;
  std::exception_ptr first;
  const auto run = [&](int rank) {
    try {
      body(group.comm(rank));
      group.leave(rank);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
      group.abort();
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 1; rank < n; ++rank) threads.emplace_back(run, rank);
  run(0);
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace yoke::comm
