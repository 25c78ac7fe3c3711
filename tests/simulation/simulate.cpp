// Schedules by the hundred thousand. YOKE_SEED replays one; YOKE_SCHEDULES asks for another number of them.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "simulation/schedule.h"

namespace yoke::runtime {
namespace {

std::uint64_t number_or(const char* variable, std::uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

/// Shares of all schedules, so that they can run side by side.
class Simulation : public testing::TestWithParam<std::uint64_t> {};
constexpr std::uint64_t shares = 4;
constexpr std::uint64_t schedules = 100'000;

TEST_P(Simulation, HasNoFaultInAnySchedule) {
  if (const std::uint64_t seed = number_or("YOKE_SEED", 0); seed > 0) {
    EXPECT_EQ(fault_in_schedule(seed).value_or("none"), "none") << "seed " << seed;
    return;
  }
  const std::uint64_t last = number_or("YOKE_SCHEDULES", schedules);
  for (std::uint64_t seed = 1 + GetParam(); seed <= last; seed += shares) {
    ASSERT_EQ(fault_in_schedule(seed).value_or("none"), "none")
        << "seed " << seed << "; YOKE_SEED replays it";
  }
}

INSTANTIATE_TEST_SUITE_P(Share, Simulation, testing::Range<std::uint64_t>(0, shares));

}  // namespace
}  // namespace yoke::runtime
