#include "cluster/late_watch.h"

#include <utility>

#include "base/error.h"

namespace yoke::cluster {

LateWatch::LateWatch(std::function<std::string()> look, const LateTiming& timing)
    : look_(std::move(look)), timing_(timing), thread_([this] { watch(); }) {}

LateWatch::~LateWatch() {
  stop();
  thread_.join();
}

void LateWatch::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

std::string LateWatch::found() const {
  const std::lock_guard lock(mutex_);
  return found_;
}

bool LateWatch::stopped_within(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return stopping_; });
}

void LateWatch::watch() {
  std::string last;
  for (auto wait = timing_.first; !stopped_within(wait); wait = timing_.pause) {
    std::string now;
    try {
      now = look_();
    } catch (const Error&) {
      now.clear();
    }
    if (!now.empty() && !last.empty()) {
      const std::lock_guard lock(mutex_);
      found_ = now;
      return;
    }
    last = now;
  }
}

}  // namespace yoke::cluster
