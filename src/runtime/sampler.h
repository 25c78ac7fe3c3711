// From a row of logits to a token.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/engine.h"

namespace yoke::runtime {

/// Temperature 0: the largest logit, the lowest id among equals. Otherwise a draw from softmax(logits /
/// temperature); the random number depends on seed and position only, so a run can be repeated and a sequence
/// resumed. Throws Error where a logit is not finite.
Token sample(std::span<const float> logits, const Sampling& sampling, std::int32_t position);

/// A number in [0, 1), the same on every machine for the same arguments.
double uniform(std::uint64_t seed, std::uint64_t counter);

}  // namespace yoke::runtime
