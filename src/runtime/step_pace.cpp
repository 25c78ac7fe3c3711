#include "runtime/step_pace.h"

#include <algorithm>

namespace yoke::runtime {
namespace {

/// Fewer tells of one token's cost rather than of one more's.
constexpr std::int64_t telling_tokens = 32;
/// Of a new step's cost in what is remembered.
constexpr double weight_of_last = 0.25;

}  // namespace

void StepPace::saw(std::int64_t tokens, double seconds) {
  if (tokens < telling_tokens) return;
  const double cost = seconds / static_cast<double>(tokens);
  seconds_per_token_ =
      seconds_per_token_ == 0 ? cost : seconds_per_token_ + weight_of_last * (cost - seconds_per_token_);
}

std::int32_t StepPace::prompt_tokens(std::int32_t most) const {
  const double fitting = seconds_per_token_ > 0 ? most_seconds_ / seconds_per_token_ : most;
  // So many at least: fewer would be computed at little less than their cost.
  return static_cast<std::int32_t>(
      std::clamp(fitting, std::min(static_cast<double>(telling_tokens), static_cast<double>(most)),
                 static_cast<double>(most)));
}

}  // namespace yoke::runtime
