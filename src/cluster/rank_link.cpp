#include "cluster/rank_link.h"

#include <poll.h>

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "base/error.h"
#include "cluster/channel.h"
#include "cluster/rendezvous.h"
#include "comm/gather.h"
#include "system/socket.h"

namespace yoke::cluster {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds send_patience{500};
constexpr milliseconds parting_patience{2000};
constexpr milliseconds telling_patience{1000};
// A monitor that was to run every quarter of a second and did not for so long was stopped itself.
constexpr milliseconds own_gap{1000};

/// The other end of one connection. The monitor thread owns all but the channel's sending side, and `ended`
/// and `closed`, which the mutex guards.
struct Peer {
  runtime::Place place;
  std::unique_ptr<Channel> channel;
  Clock::time_point heard;
  bool open = true;     // the connection
  bool ended = false;   // it said goodbye, or is lost
  bool closed = false;  // the connection: its process has ended, or has no more to say
};

struct Loss {
  LinkLoss what;
  Clock::time_point tell;  // when the observer is to be told
};

/// A rank 0 that can still tell what holds it up has the time to.
StillnessLimits limits_of(int rank, const LinkTiming& timing) {
  StillnessLimits limits = timing.stillness;
  if (rank != 0) limits.margin += timing.silence;
  return limits;
}

class Link final : public RankLink {
 public:
  Link(const Pulse& pulse, const std::vector<runtime::Place>& places, int rank, std::vector<Peer> peers,
       LinkObserver observer, const LinkTiming& timing)
      : pulse_(pulse),
        places_(places),
        rank_(rank),
        peers_(std::move(peers)),
        observer_(std::move(observer)),
        timing_(timing),
        judge_(static_cast<int>(places.size()), limits_of(rank, timing)),
        progress_(places.size()),
        monitor_([this] { watch(); }) {}

  ~Link() override {
    stopping_ = true;
    alarm_.signal();
    monitor_.join();
  }

  void sleep() override {
    if (rank_ == 0) return;
    std::unique_lock lock(mutex_);
    ++sleeps_;
    changed_.wait(lock, [&] { return wakes_ >= sleeps_ || loss_; });
    if (wakes_ < sleeps_) fail("{}", loss_->what.sentence);
  }

  void wake_followers() override {
    if (rank_ != 0) return;
    check();
    for (Peer& peer : peers_) {
      try {
        peer.channel->send(encode<ToFollower>(Wake{}), send_patience);
      } catch (const Error&) {
        lose(peer, describe(peer.place) + " was lost");
        check();
      }
    }
  }

  void report_progress(LoadProgress mine) override {
    if (rank_ == 0) {
      const std::lock_guard lock(mutex_);
      progress_.front() = mine;
    } else {
      tell_peers(encode<FromFollower>(mine));
    }
  }

  GroupProgress progress() const override {
    const std::lock_guard lock(mutex_);
    return summarise(progress_);
  }

  void report_failure(const std::string& sentence) noexcept override {
    tell_peers(from_here(Failure{sentence}));
    if (rank_ == 0) return;
    std::unique_lock lock(mutex_);
    leaving_ = true;
    // Rank 0 closes when it ends. Whoever ended before it would make mpirun kill it, perhaps before it has
    // told the person, which it puts off for a sentence of its own.
    changed_.wait_for(lock, timing_.deference + telling_patience, [&] { return peers_.front().closed; });
  }

  bool leader_is_lost() const override {
    const std::lock_guard lock(mutex_);
    return loss_ && loss_->what.leader_vanished;
  }

  void goodbye() noexcept override {
    tell_peers(from_here(Goodbye{}));
    std::unique_lock lock(mutex_);
    leaving_ = true;
    changed_.wait_for(lock, parting_patience, [&] {
      return std::all_of(peers_.begin(), peers_.end(), [](const Peer& peer) { return peer.ended; });
    });
  }

 private:
  void throw_lost() const override {
    const std::lock_guard lock(mutex_);
    fail("{}", loss_->what.sentence);
  }

  /// What rank 0 says as well as the others.
  std::vector<std::byte> from_here(const auto& message) const {
    return rank_ == 0 ? encode<ToFollower>(message) : encode<FromFollower>(message);
  }

  /// A peer that cannot be told is for the monitor to find.
  void tell_peers(std::span<const std::byte> frame) noexcept {
    for (Peer& peer : peers_) {
      try {
        peer.channel->send(frame, send_patience);
      } catch (const std::exception&) {
        continue;
      }
    }
  }

  /// A peer is lost, of itself if it has told us so.
  void lose(Peer& peer, const std::string& sentence, bool by_its_word = false, milliseconds delay = {}) {
    {
      const std::lock_guard lock(mutex_);
      peer.ended = true;
    }
    note_loss({sentence, peer.place.rank == 0 && !by_its_word}, delay);
  }

  /// The peer has gone while this process was stopped: it has ended over that.
  void note_given_up(Peer& peer) {
    {
      const std::lock_guard lock(mutex_);
      peer.ended = true;
    }
    note_loss({describe(places_[static_cast<std::size_t>(rank_)]) + " stopped answering",
               peer.place.rank == 0, true});
  }

  /// Keeps the first; `delay` postpones telling the observer, not check().
  void note_loss(const LinkLoss& what, milliseconds delay = {}) {
    const std::lock_guard lock(mutex_);
    if (!loss_ && !leaving_) {
      loss_ = Loss{what, Clock::now() + delay};
      lost_.store(true, std::memory_order_release);
    }
    changed_.notify_all();
    alarm_.signal();
  }

  void watch() {
    auto last = Clock::now();
    auto next_beat = last, continued = last - own_gap;
    // Rank 0 says nothing before the last of its followers has connected.
    for (Peer& peer : peers_) peer.heard = rank_ == 0 ? last : last + timing_.meeting;
    while (!stopping_) {
      wait_for_something(next_beat);
      const auto now = Clock::now();
      if (now - last > own_gap) {
        forgive(now);
        continued = now;
      }
      was_stopped_ = now - continued < own_gap;
      last = now;
      for (Peer& peer : peers_)
        if (peer.open) listen_to(peer, now);
      if (now >= next_beat) {
        next_beat = now + timing_.heartbeat;
        if (!leaving()) beat(now);
      }
      tell_observer(now);
    }
  }

  /// Nobody has been silent or stood still while this process was stopped.
  void forgive(Clock::time_point now) {
    for (Peer& peer : peers_) peer.heard = std::max(peer.heard, now);
    judge_.forgive(since_start(now));
  }

  /// Tells the peers what this rank is at, and looks whether anybody stands still.
  void beat(Clock::time_point now) {
    const Beat mine = pulse_.read();
    const std::vector<std::byte> heartbeat = from_here(Heartbeat{mine});
    for (Peer& peer : peers_)
      if (peer.open) peer.channel->send_heartbeat(heartbeat);
    if (rank_ == 0) judge_.hear(0, since_start(now), mine);
    if (is_lost()) return;
    if (const std::optional<Verdict> verdict = judge_.judge()) give_up(*verdict);
  }

  void give_up(const Verdict& verdict) {
    const std::string sentence = sentence_of(verdict, places_);
    // Where this is rank 0, its working thread will not tell the others if it is the one that hangs.
    if (rank_ == 0 && verdict.rank == 0) tell_peers(encode<ToFollower>(Failure{sentence}));
    note_loss({sentence, rank_ != 0});
  }

  ProgressJudge::Time since_start(Clock::time_point now) const {
    return std::chrono::duration_cast<ProgressJudge::Time>(now - start_);
  }

  void wait_for_something(Clock::time_point until) {
    std::vector<pollfd> polled{{alarm_.fd(), POLLIN, 0}};
    for (const Peer& peer : peers_)
      if (peer.open) polled.push_back({peer.channel->fd(), POLLIN, 0});
    const auto wait = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    ::poll(polled.data(), polled.size(), static_cast<int>(std::max<std::int64_t>(wait, 0)));
    alarm_.clear();
  }

  void listen_to(Peer& peer, Clock::time_point now) {
    try {
      peer.open = peer.channel->receive();
      while (const auto frame = peer.channel->next()) {
        peer.heard = now;
        hear_frame(peer, *frame);
      }
    } catch (const Error& error) {
      peer.open = false;
      if (!ended(peer)) lose(peer, fmt::format("{} sent nonsense: {}", describe(peer.place), error.what()));
    }
    if (!peer.open) {
      const std::lock_guard lock(mutex_);
      peer.closed = true;
      changed_.notify_all();
    }
    if (ended(peer)) return;
    if (!peer.open && was_stopped_) {
      note_given_up(peer);
    } else if (!peer.open) {
      lose(peer, describe(peer.place) + " was lost");
    } else if (now - peer.heard > timing_.silence) {
      lose(peer, describe(peer.place) + " stopped answering");
    }
  }

  void hear_frame(Peer& peer, std::span<const std::byte> frame) {
    const auto hear_one = [&](const auto& message) { hear(peer, message); };
    rank_ == 0 ? std::visit(hear_one, decode<FromFollower>(frame))
               : std::visit(hear_one, decode<ToFollower>(frame));
  }

  void hear(Peer& peer, const Heartbeat& heartbeat) {
    judge_.hear(peer.place.rank, since_start(peer.heard), heartbeat.beat);
  }
  void hear(Peer& peer, const LoadProgress& progress) { note_progress(peer.place.rank, progress); }
  void hear(Peer& peer, const Failure& failure) {
    if (rank_ == 0) {
      lose(peer, attributed(peer.place, failure.sentence), true, timing_.deference);
    } else {
      lose(peer, failure.sentence, true);
    }
  }
  void hear(Peer&, const Wake&) {
    const std::lock_guard lock(mutex_);
    ++wakes_;
    changed_.notify_all();
  }
  void hear(Peer& peer, const Goodbye&) {
    const std::lock_guard lock(mutex_);
    peer.ended = true;
    changed_.notify_all();
  }

  void note_progress(std::int32_t rank, const LoadProgress& progress) {
    std::unique_lock lock(mutex_);
    progress_.at(static_cast<std::size_t>(rank)) = progress;
    const GroupProgress all = summarise(progress_);
    lock.unlock();
    if (observer_.progress) observer_.progress(all);
  }

  void tell_observer(Clock::time_point now) {
    LinkLoss what;
    {
      const std::lock_guard lock(mutex_);
      if (!loss_ || leaving_ || now < loss_->tell) return;  // who leaves is not caught in anything
      what = loss_->what;
      if (told_ && now < loss_->tell + timing_.grace) return;
    }
    if (const auto& tell = std::exchange(told_, true) ? observer_.stuck : observer_.lost) tell(what);
  }

  bool ended(const Peer& peer) const {
    const std::lock_guard lock(mutex_);
    return peer.ended;
  }
  bool leaving() const {
    const std::lock_guard lock(mutex_);
    return leaving_;
  }

  const Pulse& pulse_;
  const std::vector<runtime::Place> places_;
  const int rank_;
  std::vector<Peer> peers_;
  const LinkObserver observer_;
  const LinkTiming timing_;
  const Clock::time_point start_ = Clock::now();
  ProgressJudge judge_;  // the monitor's: of all ranks on rank 0, of rank 0 on the others
  system::Alarm alarm_;
  std::atomic<bool> stopping_ = false;
  bool told_ = false;         // the monitor's
  bool was_stopped_ = false;  // the monitor's: until a moment ago

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Loss> loss_;
  bool leaving_ = false;
  std::uint64_t sleeps_ = 0;
  std::uint64_t wakes_ = 0;
  std::vector<LoadProgress> progress_;  // rank 0: of every rank

  std::thread monitor_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<RankLink> RankLink::establish(comm::Comm& comm, const std::vector<runtime::Place>& places,
                                              const LinkOptions& options, LinkObserver observer,
                                              const LinkTiming& timing) {
  assert(comm.size() >= 2 && std::ssize(places) == comm.size());
  std::vector<Peer> peers;
  if (comm.rank() == 0) {
    const Door door = open_door(places, options);
    comm::tell(comm, door.invitation, 0);
    auto channels = gather_followers(door, places, timing.meeting);
    for (std::size_t r = 1; r < channels.size(); ++r)
      peers.push_back({places[r], std::move(channels[r]), {}});
  } else {
    const auto invitation = comm::tell(comm, Invitation{}, 0);
    peers.push_back({places[0], join_leader(invitation, comm.rank(), options, timing.meeting), {}});
  }
  return std::make_unique<Link>(comm.pulse(), places, comm.rank(), std::move(peers), std::move(observer),
                                timing);
}

}  // namespace yoke::cluster
