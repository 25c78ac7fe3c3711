// Which tokens go to which experts.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// Tokens by expert: the work of an expert lies together.
struct RoutedTokens {
  struct Group {
    std::int64_t expert;
    std::int64_t first, n;  // of the arrays below
  };
  std::vector<Group> groups;         // of the experts that somebody goes to, ascending
  std::vector<std::int32_t> tokens;  // of each group, ascending
  std::vector<float> weights;        // of each of them
};

/// `scores` is (tokens, experts), `selection_bias` (experts) or null. A score that is not a number is never
/// chosen while there are others.
RoutedTokens route(const float* scores, std::int64_t tokens, std::int64_t experts, const RouteSpec& spec,
                   const float* selection_bias, const Tools& tools);

}  // namespace yoke::ops::cpu
