#include "cluster/mpi_comm.h"

#include <mpi.h>
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"

namespace yoke::cluster {

namespace {

constexpr std::chrono::seconds unwatched_patience{10};
// A wait polls so often before it starts to offer its core to others; where nobody wants it that costs
// nothing.
constexpr std::int64_t polls_before_yielding = 200;
// And so seldom it counts how much has come meanwhile.
constexpr std::int64_t polls_per_count = 4096;
// Who has waited so long, as a rank that has loaded before the others, leaves the core to others from then
// on: what that costs does not count any more.
constexpr std::chrono::milliseconds long_wait{250};

void yield() { ::sched_yield(); }
void rest() { ::poll(nullptr, 0, 1); }

enum Tag : int { reduce_tag, pieces_tag, gather_tag, broadcast_tag };

void succeed(int code) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  fail("MPI reports: {}", text.data());
}

int count_of(std::size_t n) {
  require(n <= std::size_t{std::numeric_limits<int>::max()}, "a message of {} elements is too long for MPI",
          n);
  return static_cast<int>(n);
}

class OpenMpiComm final : public MpiComm {
 public:
  OpenMpiComm() {
    succeed(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
    succeed(MPI_Comm_size(MPI_COMM_WORLD, &size_));
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void attach(RankLink& link) override { link_ = &link; }
  void finish() override { succeed(MPI_Finalize()); }

  void sleep() override {
    const PhaseScope asleep(pulse(), Phase::idle);
    if (link_ != nullptr) link_->sleep();
  }
  void wake_followers() override {
    if (link_ != nullptr) link_->wake_followers();
  }

  void broadcast(std::vector<std::byte>& message, int root) override {
    if (rank_ == root) {
      const int n = count_of(message.size());
      for (int r = 0; r < size_; ++r)
        if (r != root)
          succeed(MPI_Isend(message.data(), n, MPI_BYTE, r, broadcast_tag, MPI_COMM_WORLD, new_request()));
    } else {
      // The probe says how long the message is, so its length needs no message of its own.
      MPI_Message arrived = MPI_MESSAGE_NULL;
      MPI_Status status{};
      wait([&] {
        int found = 0;
        succeed(MPI_Improbe(root, broadcast_tag, MPI_COMM_WORLD, &found, &arrived, &status));
        return found != 0;
      });
      int n = 0;
      succeed(MPI_Get_count(&status, MPI_BYTE, &n));
      message.resize(static_cast<std::size_t>(n));
      succeed(MPI_Imrecv(message.data(), n, MPI_BYTE, &arrived, new_request()));
    }
    wait_all();
  }

 private:
  void do_all_reduce(std::span<float> x) override {
    x.size_bytes() <= direct_exchange_bytes ? reduce_directly(x) : reduce_by_pieces(x);
  }

  void do_all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                     std::span<float> all) override {
    assert(std::ssize(counts) == size_ && counts[rank_] == std::ssize(mine));
    std::span<float> rest = all;
    for (int r = 0; r < size_; ++r) {
      const auto part = rest.first(static_cast<std::size_t>(counts[r]));
      rest = rest.subspan(part.size());
      if (r != rank_) {
        receive(part, r, gather_tag);
        send(mine, r, gather_tag);
      } else if (part.data() != mine.data()) {
        std::copy(mine.begin(), mine.end(), part.begin());
      }
    }
    assert(rest.empty());
    wait_all();
  }

  /// Everyone sends everything to everyone, then adds.
  void reduce_directly(std::span<float> x) {
    const auto parts = exchange([&](int) { return std::span<const float>(x); }, x);
    comm::add_in_rank_order(parts, x);
  }

  /// Rank r adds the r-th piece of all vectors, then everyone collects the finished pieces.
  void reduce_by_pieces(std::span<float> x) {
    const auto piece = [&](int r) {
      const auto bound = [&](int i) { return x.size() * static_cast<std::size_t>(i) / size_; };
      return x.subspan(bound(r), bound(r + 1) - bound(r));
    };
    const std::span<float> mine = piece(rank_);
    const auto parts = exchange([&](int r) { return std::span<const float>(piece(r)); }, mine);
    comm::add_in_rank_order(parts, mine);
    for (int r = 0; r < size_; ++r) {
      if (r == rank_) continue;
      receive(piece(r), r, pieces_tag);
      send(mine, r, pieces_tag);
    }
    wait_all();
  }

  /// Sends outgoing(r) to every rank r and receives as much as `mine` has from each; the result points at
  /// what came from each rank, for this rank at `mine`.
  template <class Outgoing>
  std::vector<const float*> exchange(Outgoing outgoing, std::span<const float> mine) {
    incoming_.resize(mine.size() * static_cast<std::size_t>(size_));
    std::vector<const float*> parts;
    for (int r = 0; r < size_; ++r) {
      const auto slot = std::span(incoming_).subspan(mine.size() * static_cast<std::size_t>(r), mine.size());
      parts.push_back(r == rank_ ? mine.data() : slot.data());
      if (r != rank_) receive(slot, r, reduce_tag);
    }
    for (int r = 0; r < size_; ++r)
      if (r != rank_) send(outgoing(r), r, reduce_tag);
    wait_all();
    return parts;
  }

  void receive(std::span<float> to, int from, Tag tag) {
    if (to.empty()) return;
    succeed(MPI_Irecv(to.data(), count_of(to.size()), MPI_FLOAT, from, tag, MPI_COMM_WORLD, new_request()));
  }
  void send(std::span<const float> values, int to, Tag tag) {
    if (values.empty()) return;
    succeed(
        MPI_Isend(values.data(), count_of(values.size()), MPI_FLOAT, to, tag, MPI_COMM_WORLD, new_request()));
  }
  MPI_Request* new_request() { return &requests_.emplace_back(MPI_REQUEST_NULL); }

  void wait_all() {
    wait([&] {
      int done = 0;
      succeed(MPI_Testall(count_of(requests_.size()), requests_.data(), &done, MPI_STATUSES_IGNORE));
      return done != 0;
    });
    requests_.clear();
  }

  /// Polls until done() or until a peer is lost.
  template <class Done>
  void wait(Done done) {
    const PhaseScope waiting(pulse(), Phase::exchanging);
    const auto start = std::chrono::steady_clock::now();
    std::size_t arrived = 0;
    for (std::int64_t polls = 0; !done(); ++polls) {
      if (polls < polls_before_yielding) continue;
      pulse().look();
      const auto waited = std::chrono::steady_clock::now() - start;
      if (polls % polls_per_count == 0 || waited > long_wait) {
        const std::size_t before = std::exchange(arrived, count_arrived());
        if (arrived != before) pulse().tick();
      }
      if (link_ != nullptr) {
        link_->check();
      } else {
        require(waited < unwatched_patience, "the other ranks did not answer within {} seconds",
                unwatched_patience.count());
      }
      waited > long_wait ? rest() : yield();
    }
    pulse().finish();
  }

  /// Of the operation's messages, those that are through: large ones of many ranks take long on a slow
  /// network.
  std::size_t count_arrived() const {
    std::size_t arrived = 0;
    for (const MPI_Request request : requests_) {
      int is_through = 0;
      succeed(MPI_Request_get_status(request, &is_through, MPI_STATUS_IGNORE));
      if (is_through != 0) ++arrived;
    }
    return arrived;
  }

  int rank_ = 0;
  int size_ = 1;
  RankLink* link_ = nullptr;
  std::vector<float> incoming_;        // scratch of exchange(), kept for its memory
  std::vector<MPI_Request> requests_;  // of the operation under way
};

}  // namespace

bool built_with_mpi() { return true; }

std::unique_ptr<MpiComm> start_mpi(int ranks) {
  int provided = 0;
  succeed(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided));
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  require(provided >= MPI_THREAD_SERIALIZED, "this MPI cannot be used from one thread at a time (level {})",
          provided);
  auto comm = std::make_unique<OpenMpiComm>();
  require(
      ranks == 0 || comm->size() == ranks,
      "the job has {} ranks, but MPI connects {}: was this program started by the mpirun of the Open MPI it "
      "is linked with (under Slurm: srun --mpi=pmix)?",
      ranks, comm->size());
  return comm;
}

}  // namespace yoke::cluster
