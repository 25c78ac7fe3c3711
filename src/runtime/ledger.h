// What is owed to those who asked, whichever engine works at it; and which request an engine is to be spared.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "runtime/engine.h"

namespace yoke::runtime {

/// A request that is not done, and what has come of it.
struct Owed {
  using Clock = std::chrono::steady_clock;

  Request request;
  Clock::time_point submitted;
  std::vector<Token> tokens{};
  std::int32_t told = 0;  // positions of a report
  std::optional<Clock::time_point> first_token{};
  bool cancelled = false;
  bool resubmitted = false;
  bool held = false;  // no engine has it
  /// How far it was when an engine crashed that had it; nothing where it has got further since.
  std::optional<std::size_t> crashed_at{};

  /// Tokens and positions that have come.
  std::size_t progress() const { return tokens.size() + static_cast<std::size_t>(told); }
};

/// After a crash the requests that the engine had are suspect. They are tried one at a time: the next is
/// given out once the one before has got further than it was. Those that have go on beside it, so another
/// crash may be anybody's, unless there was but one: that is guilty where it has not got further since its
/// last crash. Requests that come meanwhile wait. Pure: no clock, no engine.
class Ledger {
 public:
  using Entries = std::list<Owed>;
  using iterator = Entries::iterator;

  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  iterator find(std::uint64_t request);
  iterator erase(iterator owed) { return entries_.erase(owed); }

  /// Held where others are on trial.
  Owed& add(Request request, Owed::Clock::time_point now);

  /// Something has come of it.
  static void advance(Owed& owed);

  /// The engine is gone, by no fault of what it had.
  void hold_all();

  /// The engine has crashed with all that is not held. From now on everything is held, what was on trial
  /// before the others. Returns the request that is guilty, which is no longer owed.
  std::optional<Owed> blame();

  /// The next to be given to the engine, which is no longer held; nothing for now, or nothing at all.
  Owed* release();

 private:
  bool is_anyone_suspect() const;
  bool is_anyone_on_trial() const;

  Entries entries_;  // in the order of submission, but for what blame() moves to the front
};

}  // namespace yoke::runtime
