// What a request takes: time and traffic. No clock: whoever has one says what time it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "comm/comm.h"
#include "runtime/engine.h"

namespace yoke::runtime {

class RequestAccount {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// It is submitted now.
  RequestAccount(std::int32_t prompt_tokens, Time now) : submitted_(now) {
    statistics_.prompt_tokens = prompt_tokens;
  }

  /// A step begins that it has tokens in. Only the first time matters.
  void start(std::int32_t reused_tokens, Time now);
  /// Its share of what was exchanged.
  void charge(const comm::Traffic& share);
  /// A token has been drawn for it.
  void take_token(Time now);
  /// If it ends now.
  Statistics statistics(Time now) const;

 private:
  Statistics statistics_;  // but its times
  Time submitted_;
  std::optional<Time> started_;
  std::optional<Time> first_token_;
};

}  // namespace yoke::runtime
