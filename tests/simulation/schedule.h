// Schedules made up at random: requests that come, are cancelled and go wrong, memory that is scarce, engines
// that die. No model, no clock, no communication: all that happens follows from a seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace yoke::runtime {

/// Runs the schedule of a seed to its end, when every request has ended. Returns the first thing that must
/// not be, in a sentence, if there is one.
std::optional<std::string> fault_in_schedule(std::uint64_t seed);

}  // namespace yoke::runtime
