#include "comm/threads.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"

namespace yoke::comm {

namespace {

enum class Operation : std::uint8_t { all_reduce, all_gather, broadcast, split };

/// What a rank shows the others while they are inside one collective.
struct Offer {
  Operation operation{};
  std::size_t extent = 0;  // length or root: the same on every rank
  const float* values = nullptr;
  const std::vector<std::byte>* message = nullptr;
  int color = 0;
  const std::shared_ptr<void>* part = nullptr;  // what a color shares, from the first of its ranks
};

/// What one rank has for another one.
using Letter = std::optional<std::span<const std::byte>>;

}  // namespace

struct ThreadGroup::State {
  explicit State(int size)
      : offers(static_cast<std::size_t>(size)),
        sleeps(offers.size()),
        gone(offers.size()),
        letters(offers.size() * offers.size()) {}

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

  /// Returns once `to` has taken the bytes.
  void send(std::span<const std::byte> bytes, std::size_t from, std::size_t to) {
    std::unique_lock lock(mutex);
    Letter& letter = letters[from * size() + to];
    letter = bytes;
    changed.notify_all();
    changed.wait(lock, [&] { return !letter || aborted || gone[to]; });
    if (letter) throw_if_gone(to);
  }

  void receive(std::span<std::byte> bytes, std::size_t from, std::size_t to) {
    std::unique_lock lock(mutex);
    Letter& letter = letters[from * size() + to];
    changed.wait(lock, [&] { return letter || aborted || gone[from]; });
    if (!letter) throw_if_gone(from);
    const std::size_t sent = letter->size();
    if (sent == bytes.size()) std::copy(letter->begin(), letter->end(), bytes.begin());
    letter.reset();
    changed.notify_all();
    require(sent == bytes.size(), "rank {} has sent {} bytes; expected {}", from, sent, bytes.size());
  }

  /// A state of the ranks that have been split off from this one, which fails with it.
  std::shared_ptr<State> make_part(std::size_t ranks) {
    auto part = std::make_shared<State>(static_cast<int>(ranks));
    const std::lock_guard lock(mutex);
    parts.push_back(part);
    if (aborted) part->aborted = true;
    return part;
  }

  void abort() {
    std::vector<std::weak_ptr<State>> of_parts;
    {
      const std::lock_guard lock(mutex);
      aborted = true;
      changed.notify_all();
      of_parts = parts;
    }
    for (const std::weak_ptr<State>& part : of_parts) {
      if (const std::shared_ptr<State> alive = part.lock()) alive->abort();
    }
  }

  void leave(int rank) {
    const std::lock_guard lock(mutex);
    if (!left) left = rank;
    gone[static_cast<std::size_t>(rank)] = true;
    if (rank == 0) leader_left = true;
    changed.notify_all();
  }

  /// Another rank does not answer.
  void throw_if_gone(std::size_t rank) const {
    if (aborted) fail("another rank of the group has failed");
    fail("rank {} has left the group while others wait for it", rank);
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
  std::vector<bool> gone;       // which ranks have left
  std::vector<Letter> letters;  // (from, to)
  std::vector<std::weak_ptr<State>> parts;
  std::vector<std::unique_ptr<Member>> members;
};

class ThreadGroup::Member final : public Comm {
 public:
  Member(State& state, int rank) : state_(state), rank_(static_cast<std::size_t>(rank)) {}
  /// Of a group that was split off from that of `parent`.
  Member(std::shared_ptr<State> part, std::size_t rank, Comm* parent)
      : Comm(parent), part_(std::move(part)), state_(*part_), rank_(rank) {}
  ~Member() override {
    if (part_) state_.leave(rank());
  }

  int rank() const override { return static_cast<int>(rank_); }
  int size() const override { return static_cast<int>(state_.size()); }

  void broadcast(std::vector<std::byte>& message, int root) override {
    assert(root >= 0 && root < size());
    offer({.operation = Operation::broadcast, .extent = static_cast<std::size_t>(root), .message = &message});
    if (rank() != root) message = *state_.offers[static_cast<std::size_t>(root)].message;
    state_.barrier();
  }

  void send(std::span<const std::byte> bytes, int to) override {
    state_.send(bytes, rank_, static_cast<std::size_t>(to));
  }

  void receive(std::span<std::byte> bytes, int from) override {
    state_.receive(bytes, static_cast<std::size_t>(from), rank_);
  }

  /// The first rank of a color makes what its group shares.
  std::unique_ptr<Comm> split(int color) override {
    offer({.operation = Operation::split, .color = color});
    std::vector<std::size_t> members;
    for (std::size_t r = 0; r < state_.size(); ++r)
      if (state_.offers[r].color == color) members.push_back(r);
    std::shared_ptr<void> part;
    if (members.front() == rank_) {
      part = state_.make_part(members.size());
      state_.offers[rank_].part = &part;
    }
    state_.barrier();
    if (!part) part = *state_.offers[members.front()].part;
    state_.barrier();
    const auto mine = std::find(members.begin(), members.end(), rank_) - members.begin();
    return std::make_unique<Member>(std::static_pointer_cast<State>(part), static_cast<std::size_t>(mine),
                                    this);
  }

  void sleep() override {
    if (rank_ != 0) state_.sleep(rank_);
  }

  void wake_followers() override {
    if (rank_ == 0) state_.wake();
  }

 private:
  void do_all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                     std::span<float> all) override {
    assert(std::ssize(counts) == size() && counts[rank_] == std::ssize(mine));
    offer({.operation = Operation::all_gather, .extent = all.size(), .values = mine.data()});
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

  /// All is done in the end, so that whoever reads the sum too early reads something else.
  void do_start(int slot, std::span<float> x, Wire wire) override {
    started_[static_cast<std::size_t>(slot)] = {x, wire};
  }

  int do_finish(int slot) override {
    const auto [x, wire] = started_[static_cast<std::size_t>(slot)];
    if (wire == Wire::bf16) round_to_bf16(x);
    add_all(x);
    if (wire == Wire::bf16) round_to_bf16(x);
    return -1;
  }

  /// Each rank adds one piece of the vector into its own copy, then takes the other pieces from their owners.
  void add_all(std::span<float> x) {
    offer({.operation = Operation::all_reduce, .extent = x.size(), .values = x.data()});
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

  static void round_to_bf16(std::span<float> x) {
    std::vector<std::uint16_t> rounded(x.size());
    narrow(x, rounded);
    widen(rounded, x);
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

  struct Started {
    std::span<float> x;
    Wire wire{};
  };

  const std::shared_ptr<State> part_;  // where it is one
  State& state_;
  const std::size_t rank_;
  std::array<Started, most_pending> started_{};
};

ThreadGroup::ThreadGroup(int size) {
  assert(size > 0);
  state_ = std::make_unique<State>(size);
  for (int rank = 0; rank < size; ++rank) state_->members.push_back(std::make_unique<Member>(*state_, rank));
}

ThreadGroup::~ThreadGroup() = default;

int ThreadGroup::size() const { return static_cast<int>(state_->size()); }

Comm& ThreadGroup::comm(int rank) { return *state_->members.at(static_cast<std::size_t>(rank)); }

void ThreadGroup::abort() { state_->abort(); }

void ThreadGroup::leave(int rank) { state_->leave(rank); }

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
