// The ranks' links beside MPI: they wake sleeping followers, notice ranks that are lost or stand still, and
// carry the sentence of a rank that fails. A star of TCP connections around rank 0.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/progress_judge.h"
#include "cluster/protocol.h"
#include "cluster/rendezvous.h"
#include "comm/comm.h"

namespace yoke::cluster {

/// Why a rank cannot go on.
struct LinkLoss {
  std::string sentence;
  bool leader_vanished = false;  // rank 0 is gone without a word: it cannot tell anybody
  bool given_up = false;         // this rank was stopped, and the others have ended over it and said so
};

/// What somebody wants to hear from a link. Called on the link's own thread; may be empty.
struct LinkObserver {
  /// This rank cannot go on. Once.
  std::function<void(const LinkLoss& loss)> lost;
  /// LinkTiming::grace after `lost`, if the link still exists: the rank's main thread is caught in something.
  std::function<void(const LinkLoss& loss)> stuck;
  /// Rank 0: a follower has told how far it has loaded; so far are all.
  std::function<void(const GroupProgress& all)> progress{};
};

struct LinkTiming {
  std::chrono::milliseconds heartbeat{250};
  std::chrono::milliseconds silence{2500};  // of a peer, until it counts as lost
  std::chrono::milliseconds meeting{4000};  // until all are connected
  std::chrono::milliseconds grace{1000};
  std::chrono::milliseconds deference{2000};  // rank 0 waits so long for a sentence of its own before it
                                              // tells a follower's: most errors occur on every rank. One
                                              // that waits for its peers does not: it is told at once
  StillnessLimits stillness{};  // rank 0 judges all by it; followers judge rank 0, later by `silence`
};

/// One rank's end. A process that was stopped itself (a suspended machine, Ctrl-Z) gives its peers a new
/// period of silence when it goes on, so a job that is stopped and continued as a whole survives.
class RankLink {
 public:
  /// A collective of all ranks of `comm`, at least two, which outlives the link: its pulse is what peers are
  /// told. Throws Error if they do not find each other.
  static std::unique_ptr<RankLink> establish(comm::Comm& comm, const std::vector<runtime::Place>& places,
                                             const LinkOptions& options, LinkObserver observer,
                                             const LinkTiming& timing = {});
  virtual ~RankLink() = default;

  /// Throws Error once a peer is lost. Costs next to nothing: any thread, in any waiting loop.
  void check() const {
    if (is_lost()) throw_lost();
  }

  bool is_lost() const { return lost_.load(std::memory_order_acquire); }

  /// comm::Comm's; they throw Error when a peer is lost.
  virtual void sleep() = 0;
  virtual void wake_followers() = 0;

  /// How far this rank has loaded. Any thread.
  virtual void report_progress(LoadProgress mine) = 0;
  /// Rank 0: of all ranks.
  virtual GroupProgress progress() const = 0;

  /// This rank cannot go on: tells the peers, and on a follower waits until rank 0 has closed, so that the
  /// sentence arrives; the process has to end then.
  virtual void report_failure(const std::string& sentence) noexcept = 0;
  /// Whether this is a follower whose rank 0 vanished without a word.
  virtual bool leader_is_lost() const = 0;

  /// Ends in good order: waits (not for long) until every peer does. After the last use of `comm`.
  virtual void goodbye() noexcept = 0;

 protected:
  std::atomic<bool> lost_ = false;

 private:
  [[noreturn]] virtual void throw_lost() const = 0;
};

}  // namespace yoke::cluster
