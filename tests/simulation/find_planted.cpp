// Looks for the fault that was planted in the code which this program is linked with: no schedule out of so
// many may miss it.
#include <fmt/core.h>

#include <cstdint>

#include "simulation/schedule.h"

int main() {
  constexpr std::uint64_t most = 10'000;
  for (std::uint64_t seed = 1; seed <= most; ++seed) {
    if (const auto fault = yoke::runtime::fault_in_schedule(seed)) {
      fmt::print("found with seed {}: {}\n", seed, *fault);
      return 0;
    }
  }
  fmt::print("not found in {} schedules\n", most);
  return 1;
}
