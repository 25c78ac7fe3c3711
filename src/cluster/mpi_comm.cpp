#include "cluster/mpi_comm.h"

#include <mpi.h>
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "comm/running_sum.h"

namespace yoke::cluster {

namespace {

constexpr std::chrono::seconds unwatched_patience{10};
// A wait polls so often before it starts to offer its core to others. Where nobody wants it that costs
// nothing; where another rank or a stranger does, every poll more is taken from what it computes (200: a
// quarter of a token's time).
constexpr std::int64_t polls_before_yielding = 10;
// And so seldom it counts how much has come meanwhile.
constexpr std::int64_t polls_per_count = 4096;
// Who has waited so long, as a rank that has loaded before the others, leaves the core to others from then
// on: what that costs does not count any more.
constexpr std::chrono::milliseconds long_wait{250};

void yield() { ::sched_yield(); }
void rest() { ::poll(nullptr, 0, 1); }

/// Messages of a sum have tags of their own from sums_tag on: of each slot one for each round.
enum Tag : int { gather_tag, broadcast_tag, message_tag, sums_tag };
constexpr int most_rounds = 32;

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

/// Messages that are under way together.
class Requests {
 public:
  explicit Requests(MPI_Comm comm) : comm_(comm) {}

  void receive(std::span<std::byte> to, int from, int tag) {
    succeed(MPI_Irecv(to.data(), count_of(to.size()), MPI_BYTE, from, tag, comm_, add(from)));
  }
  void send(std::span<const std::byte> bytes, int to, int tag) {
    succeed(MPI_Isend(bytes.data(), count_of(bytes.size()), MPI_BYTE, to, tag, comm_, add(sends)));
  }
  void receive(MPI_Message& message, std::span<std::byte> to) {
    succeed(MPI_Imrecv(to.data(), count_of(to.size()), MPI_BYTE, &message, add(sends)));
  }

  /// Whether all are through; then others may begin. Returns at once.
  bool are_through() {
    if (open_ == 0) return true;
    int n = 0;
    ended_.resize(requests_.size());
    succeed(
        MPI_Testsome(count_of(requests_.size()), requests_.data(), &n, ended_.data(), MPI_STATUSES_IGNORE));
    for (int i = 0; i < n; ++i) {
      const int peer = peers_[static_cast<std::size_t>(ended_[static_cast<std::size_t>(i)])];
      if (peer != sends) last_from_ = peer;
    }
    open_ -= n;
    if (open_ > 0) return false;
    requests_.clear();
    peers_.clear();
    return true;
  }
  /// Of those that are not through.
  int open() const { return open_; }
  /// The rank whose message came last; −1: none has.
  int last_from() const { return last_from_; }

 private:
  static constexpr int sends = -1;

  MPI_Request* add(int peer) {
    peers_.push_back(peer);
    ++open_;
    return &requests_.emplace_back(MPI_REQUEST_NULL);
  }

  const MPI_Comm comm_;
  std::vector<MPI_Request> requests_;
  std::vector<int> peers_;  // whom each is received from, or `sends`
  std::vector<int> ended_;
  int open_ = 0;
  int last_from_ = -1;
};

/// A sum on its way, and its messages.
class MpiSum final : public comm::Messenger {
 public:
  MpiSum(MPI_Comm comm, int slot, int rank, int ranks)
      : tag_(sums_tag + slot * most_rounds), requests_(comm), sum_(rank, ranks) {}

  void start(std::span<float> x, comm::Wire wire, comm::Algorithm algorithm) {
    last_from_ = -1;
    sum_.start(x, wire, algorithm, *this);
  }
  void advance(ThreadPool* pool) { sum_.advance(pool); }
  bool is_under_way() const { return sum_.is_under_way(); }
  int open() const { return requests_.open(); }
  int last_from() const { return last_from_; }

 private:
  void receive(std::span<std::byte> to, int from, int round) override {
    requests_.receive(to, from, tag_ + round);
  }
  void send(std::span<const std::byte> bytes, int to, int round) override {
    requests_.send(bytes, to, tag_ + round);
  }
  bool is_through() override {
    const bool through = requests_.are_through();
    if (sum_.round() == 0) last_from_ = requests_.last_from();
    return through;
  }

  const int tag_;
  Requests requests_;
  comm::RunningSum sum_;
  int last_from_ = -1;  // of the first round: whoever is late in a later one has waited, too
};

class OpenMpiComm final : public MpiComm {
 public:
  /// The result of a split of `parent`'s, or all ranks.
  explicit OpenMpiComm(MPI_Comm comm = MPI_COMM_WORLD, OpenMpiComm* parent = nullptr)
      : MpiComm(parent), comm_(comm), requests_(comm) {
    if (parent != nullptr) link_ = parent->link_;
    succeed(MPI_Comm_rank(comm_, &rank_));
    succeed(MPI_Comm_size(comm_, &size_));
    for (int slot = 0; slot < static_cast<int>(most_pending); ++slot)
      sums_.emplace_back(comm_, slot, rank_, size_);
  }
  ~OpenMpiComm() override {
    const bool is_lost = link_ != nullptr && link_->is_lost();  // MPI would wait for that rank
    if (comm_ != MPI_COMM_WORLD && !is_lost) MPI_Comm_free(&comm_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void attach(RankLink& link) override { link_ = &link; }
  void leave() override { succeed(MPI_Finalize()); }

  void sleep() override {
    const PhaseScope asleep(pulse(), Phase::idle);
    const ActivityScope idle(time(), Activity::idle);
    if (link_ != nullptr) link_->sleep();
  }
  void wake_followers() override {
    if (link_ != nullptr) link_->wake_followers();
  }

  void broadcast(std::vector<std::byte>& message, int root) override {
    if (rank_ == root) {
      for (int r = 0; r < size_; ++r)
        if (r != root) requests_.send(message, r, broadcast_tag);
    } else {
      // The probe says how long the message is, so its length needs no message of its own.
      auto [arrived, bytes] = probe(root, broadcast_tag);
      message.resize(bytes);
      requests_.receive(arrived, message);
    }
    wait_all();
  }

  void send(std::span<const std::byte> bytes, int to) override {
    requests_.send(bytes, to, message_tag);
    wait_all();
  }

  void receive(std::span<std::byte> bytes, int from) override {
    auto [arrived, sent] = probe(from, message_tag);
    require(sent == bytes.size(), "rank {} has sent {} bytes; expected {}", from, sent, bytes.size());
    requests_.receive(arrived, bytes);
    wait_all();
  }

  std::unique_ptr<comm::Comm> split(int color) override {
    MPI_Comm part = MPI_COMM_NULL;
    succeed(MPI_Comm_split(comm_, color, rank_, &part));
    succeed(MPI_Comm_set_errhandler(part, MPI_ERRORS_RETURN));
    auto comm = std::make_unique<OpenMpiComm>(part, this);
    comm->choose(choice());
    return comm;
  }

 private:
  void do_start(int slot, std::span<float> x, comm::Wire wire) override {
    of(slot).start(x, wire, choice().of(comm::bytes_on(wire, x.size())));
  }

  void do_poll() override { advance_all(); }

  int do_finish(int slot) override {
    wait([&] {
      advance_all();
      return !of(slot).is_under_way();
    });
    return of(slot).last_from();
  }

  void do_all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                     std::span<float> all) override {
    assert(std::ssize(counts) == size_ && counts[rank_] == std::ssize(mine));
    std::span<float> rest = all;
    for (int r = 0; r < size_; ++r) {
      const auto part = rest.first(static_cast<std::size_t>(counts[r]));
      rest = rest.subspan(part.size());
      if (r != rank_) {
        if (!part.empty()) requests_.receive(std::as_writable_bytes(part), r, gather_tag);
        if (!mine.empty()) requests_.send(std::as_bytes(mine), r, gather_tag);
      } else if (part.data() != mine.data()) {
        std::copy(mine.begin(), mine.end(), part.begin());
      }
    }
    assert(rest.empty());
    wait_all();
  }

  /// Waits for a message, and says how long it is.
  std::pair<MPI_Message, std::size_t> probe(int from, Tag tag) {
    MPI_Message arrived = MPI_MESSAGE_NULL;
    MPI_Status status{};
    wait([&] {
      int found = 0;
      succeed(MPI_Improbe(from, tag, comm_, &found, &arrived, &status));
      return found != 0;
    });
    int n = 0;
    succeed(MPI_Get_count(&status, MPI_BYTE, &n));
    return {arrived, static_cast<std::size_t>(n)};
  }

  MpiSum& of(int slot) { return sums_[static_cast<std::size_t>(slot)]; }

  /// An addition runs on the pool, which polls after it: not once more from in there.
  void advance_all() {
    if (std::exchange(advances_, true)) return;
    for (MpiSum& sum : sums_) sum.advance(pool());
    advances_ = false;
  }

  void wait_all() {
    wait([&] { return requests_.are_through(); });
  }

  /// Polls until done() or until a peer is lost.
  template <class Done>
  void wait(Done done) {
    const PhaseScope waiting(pulse(), Phase::exchanging);
    const auto start = std::chrono::steady_clock::now();
    int open = 0;
    for (std::int64_t polls = 0; !done(); ++polls) {
      if (polls < polls_before_yielding) continue;
      pulse().look();
      const auto waited = std::chrono::steady_clock::now() - start;
      if (polls % polls_per_count == 0 || waited > long_wait) {
        const int before = std::exchange(open, count_open());
        if (open != before) pulse().tick();
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

  /// Messages that are not through: large ones of many ranks take long on a slow network.
  int count_open() const {
    int open = requests_.open();
    for (const MpiSum& sum : sums_) open += sum.open();
    return open;
  }

  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 1;
  RankLink* link_ = nullptr;
  Requests requests_;        // of all but sums
  std::deque<MpiSum> sums_;  // by slot
  bool advances_ = false;
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
