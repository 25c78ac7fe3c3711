// An engine whose death is nobody's concern: it comes back.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine.h"
#include "runtime/engine_death.h"
#include "runtime/ledger.h"

namespace yoke::runtime {

struct SupervisorOptions {
  /// Starts an engine like the one before, of which nothing is left then. Throws Error.
  std::function<std::unique_ptr<Engine>()> launch;
  /// Told of each death and each launch that failed, before the next launch.
  std::function<void(const std::string& sentence)> lost;
  std::function<void(std::chrono::milliseconds)> wait;
};

/// Remembers what it was asked, with the tokens that came, until it is done. Where the engine behind it dies,
/// another is started, and what is left is asked of that: as draws depend on the tokens and their positions
/// only, texts go on as if nothing had happened. Deadlines count from when they were asked for. Where engine
/// after engine dies or does not start, and no event comes in between, it waits longer each time, and in the
/// end throws what the last one threw. The times of a request that has outlived an engine have the pause in
/// them, and that before its first token is all told as the prompt's.
/// Where an engine dies of a crash, what it had is asked of the next one at a time (ledger.h); a request over
/// which an engine crashes that has nothing else, at the place of the crash before, fails and the others go
/// on. No other death counts against a request.
class Supervisor final : public Engine {
 public:
  /// Deaths without an event in between that it bears.
  static constexpr int most_deaths = 3;

  Supervisor(std::unique_ptr<Engine> engine, SupervisorOptions options);

  EngineInfo info() const override { return info_; }
  void submit(Request request) override;
  void cancel(std::uint64_t request) override;
  std::optional<Event> next(std::chrono::milliseconds patience) override;
  std::vector<RankReport> reports() override;
  std::vector<rates::Roofline> measure_rooflines() override;

 private:
  using Clock = Owed::Clock;

  template <class Act>
  auto outlive(Act act);
  void relaunch(std::string sentence, DeathCause cause);
  void take_back(const std::string& sentence, DeathCause cause);
  void end_what_is_over();
  void end(Ledger::iterator owed, FinishReason reason);
  void hand_out();
  void hand_out_or_relaunch();
  std::optional<FinishReason> reason_of_end(const Owed& owed) const;
  Event noted(Event event);
  void note(const TokenEvent& event);
  void note(const LogitsEvent& event);
  void note(const LogProbabilitiesEvent& event);
  void note(DoneEvent& event);
  static void note(DoneEvent& event, const Owed& owed);
  void note(const FailedEvent& event);

  std::unique_ptr<Engine> engine_;
  SupervisorOptions options_;
  EngineInfo info_;
  Ledger ledger_;
  std::deque<Event> own_events_;  // that no engine tells of
  int deaths_ = 0;                // since the last event
};

/// What is left of a request of which these tokens came and so many positions of its prompt were told of, so
/// long after its submission. Its deadline is not over.
Request rest_of(const Request& request, const std::vector<Token>& tokens, std::int32_t told,
                std::chrono::milliseconds since);

}  // namespace yoke::runtime
