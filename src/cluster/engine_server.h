// Rank 0's side of the socket to the starter.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cluster/channel.h"
#include "runtime/engine.h"
#include "system/socket.h"

namespace yoke::cluster {

/// Sends signs of life from its construction on. The thread that owns it serves; any may report.
class EngineServer {
 public:
  explicit EngineServer(FileDescriptor socket);
  ~EngineServer();
  EngineServer(const EngineServer&) = delete;
  EngineServer& operator=(const EngineServer&) = delete;

  /// What the starter wants, which it says first. Throws Error if it does not say so in good time.
  Start wait_for_start();
  /// From now on signs of life carry what `pulse`, which outlives this, tells of the working thread.
  void watch(const Pulse& pulse) { pulse_.store(&pulse, std::memory_order_release); }
  void announce(const std::vector<runtime::Place>& places);
  /// Never waits: a starter that does not read sees the next one, and one that has gone is for serve().
  void report_progress(const GroupProgress& progress) noexcept;
  /// Tells the starter, if it still listens, that the engine cannot go on.
  void fail(const std::string& sentence) noexcept;
  /// Makes serve() throw Error with the sentence as soon as it looks.
  void interrupt(const std::string& sentence);

  /// Serves `engine` until the starter says goodbye or has gone. Between two steps it looks for requests;
  /// without requests it sleeps. Throws what the engine throws.
  void serve(runtime::Engine& engine);

 private:
  bool take_requests(runtime::Engine& engine);
  bool act(runtime::Engine& engine, Submit& submit);
  bool act(runtime::Engine& engine, const Cancel& cancel);
  bool act(runtime::Engine& engine, const AskReports&);
  bool act(runtime::Engine& engine, const AskRooflines&);
  bool act(runtime::Engine&, const Start&);
  bool act(runtime::Engine&, const Goodbye&) { return false; }
  void advance(runtime::Engine& engine);
  void forget(std::uint64_t request);
  void send_logits(const runtime::LogitsEvent& event, std::size_t row);
  void check_interrupt();
  void beat() noexcept;

  EngineEnd starter_;
  std::multiset<std::uint64_t> in_flight_;  // an id that is in use twice is the engine's to refuse
  bool resting_ = false;                    // the engine has been told by next() that there is nothing to do
  system::Alarm interrupted_;
  std::mutex mutex_;
  std::string interruption_;
  std::atomic<const Pulse*> pulse_ = nullptr;
  std::atomic<bool> stopping_ = false;
  system::Alarm stop_;
  std::thread heart_;  // last: it uses the channel
};

}  // namespace yoke::cluster
