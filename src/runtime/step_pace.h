// How many prompt tokens a step may have, so that sequences that decode need not wait long for it.
#pragma once

#include <cstdint>

namespace yoke::runtime {

class StepPace {
 public:
  /// `most_seconds`: for a step in which sequences decode.
  explicit StepPace(double most_seconds) : most_seconds_(most_seconds) {}

  /// A step of so many tokens took so long.
  void saw(std::int64_t tokens, double seconds);
  /// Tokens beside those of sequences that decode; `most` until steps have been seen that tell.
  std::int32_t prompt_tokens(std::int32_t most) const;

 private:
  double most_seconds_;
  double seconds_per_token_ = 0;  // of steps with many tokens; 0: none was seen
};

}  // namespace yoke::runtime
