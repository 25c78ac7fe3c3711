#include "comm/comm.h"

#include "base/seconds.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace yoke::comm {

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

void Comm::all_reduce(std::span<float> x) {
  if (size() == 1 || x.empty()) return;
  const Clock::time_point start = Clock::now();
  do_all_reduce(x);
  ++traffic_.calls;
  traffic_.bytes += x.size_bytes();
  traffic_.seconds += seconds_since(start);
}

void Comm::all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                      std::span<float> all) {
  const Clock::time_point start = Clock::now();
  do_all_gather(mine, counts, all);
  if (size() > 1) traffic_.seconds += seconds_since(start);
}

void add_in_rank_order(std::span<const float* const> parts, std::span<float> out) {
  assert(!parts.empty());
  // A block's sum is complete before any of it is written, so `out` may be one of the parts; and a local
  // array cannot alias, so the compiler vectorises the addition.
  std::array<float, 256> sum;
  for (std::size_t begin = 0; begin < out.size(); begin += sum.size()) {
    const std::size_t n = std::min(sum.size(), out.size() - begin);
    std::copy_n(parts[0] + begin, n, sum.begin());
    for (const float* part : parts.subspan(1))
      for (std::size_t i = 0; i < n; ++i) sum[i] += part[begin + i];
    std::copy_n(sum.begin(), n, out.begin() + static_cast<std::ptrdiff_t>(begin));
  }
}

}  // namespace yoke::comm
