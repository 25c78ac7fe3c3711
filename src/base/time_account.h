// Where the time of one thread goes: every moment is one activity's, so that they add up to the wall clock.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace yoke {

/// What a rank's working thread does, as people are told of it.
enum class Activity : std::uint8_t {
  products,   // with weights: matrices, experts, gated units, and the norms that they begin with
  attention,  // over caches, and what recurrent layers do in its place
  other,      // the rest of a step's computing
  exchange,   // with other ranks: what the network takes
  waiting,    // for a rank that is not as far, during an exchange
  leading,    // between steps: rank 0 plans and draws, the others wait for it
  measuring,  // what the machines can do
  idle,       // nothing is asked for
};
inline constexpr std::size_t n_activities = 8;

/// Of the thread that owns it, and of nobody else. Entering costs some tens of nanoseconds.
class TimeAccount {
 public:
  using Clock = std::chrono::steady_clock;

  explicit TimeAccount(Activity first = Activity::idle) : current_(first) {}

  Activity current() const { return current_; }
  /// What happens from now on is `activity`.
  void enter(Activity activity) {
    const Clock::time_point now = Clock::now();
    of(current_) += std::chrono::duration<double>(now - since_).count();
    since_ = now;
    current_ = activity;
  }
  /// So much of what counted as `from` was `to`; no more than there is.
  void move(Activity from, Activity to, double seconds) {
    of(from) -= seconds;
    of(to) += seconds;
  }
  /// Seconds of each activity until now, by its number.
  std::array<double, n_activities> read() {
    enter(current_);
    return seconds_;
  }

 private:
  double& of(Activity activity) { return seconds_[static_cast<std::size_t>(activity)]; }

  std::array<double, n_activities> seconds_{};
  Activity current_;
  Clock::time_point since_ = Clock::now();
};

/// One activity until this ends, then again the one before.
class ActivityScope {
 public:
  ActivityScope(TimeAccount& account, Activity activity) : account_(account), before_(account.current()) {
    account.enter(activity);
  }
  ~ActivityScope() { account_.enter(before_); }
  ActivityScope(const ActivityScope&) = delete;
  ActivityScope& operator=(const ActivityScope&) = delete;

 private:
  TimeAccount& account_;
  const Activity before_;
};

}  // namespace yoke
