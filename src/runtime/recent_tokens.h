// Which tokens of a sequence are recent, and how often each occurred: what penalties go by.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "runtime/engine.h"

namespace yoke::runtime {

class RecentTokens {
 public:
  /// Remembers the last `window` tokens; 0: all.
  explicit RecentTokens(std::int32_t window) : window_(window) {}

  void push(Token token) {
    ++counts_[token];
    if (window_ == 0) return;
    order_.push_back(token);
    if (order_.size() <= static_cast<std::size_t>(window_)) return;
    const auto oldest = counts_.find(order_.front());
    if (--oldest->second == 0) counts_.erase(oldest);
    order_.pop_front();
  }
  /// How often each remembered token occurs.
  const std::map<Token, std::int32_t>& counts() const { return counts_; }

 private:
  std::int32_t window_;
  std::deque<Token> order_;  // empty where all are remembered
  std::map<Token, std::int32_t> counts_;
};

}  // namespace yoke::runtime
