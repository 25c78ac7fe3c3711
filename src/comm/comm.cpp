#include "comm/comm.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace yoke::comm {

void Comm::all_reduce(std::span<float> x) {
  if (size() == 1 || x.empty()) return;
  const auto start = std::chrono::steady_clock::now();
  do_all_reduce(x);
  ++traffic_.calls;
  traffic_.bytes += x.size_bytes();
  traffic_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
