// Looks for what is wrong while something takes longer than it should.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace yoke::cluster {

struct LateTiming {
  std::chrono::milliseconds first{2500};  // until it is looked for the first time
  std::chrono::milliseconds pause{500};   // between two looks
};

/// What is found twice in a row counts: one look may have come at a bad moment. Looks in a thread of its own,
/// until something counts or this object ends, which waits for a look that is under way.
class LateWatch {
 public:
  /// `look` returns one sentence, or nothing where all is well; an Error that it throws is no finding.
  explicit LateWatch(std::function<std::string()> look, const LateTiming& timing = {});
  ~LateWatch();
  LateWatch(const LateWatch&) = delete;
  LateWatch& operator=(const LateWatch&) = delete;

  /// No further look begins.
  void stop();
  /// The sentence that counts; empty as long as there is none. Any thread.
  std::string found() const;

 private:
  void watch();
  bool stopped_within(std::chrono::milliseconds time);

  const std::function<std::string()> look_;
  const LateTiming timing_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::string found_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace yoke::cluster
