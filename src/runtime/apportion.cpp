#include "runtime/apportion.h"

#include <cassert>
#include <numeric>

namespace yoke::runtime {

std::vector<comm::Traffic> apportion(const comm::Traffic& traffic, std::span<const std::int32_t> weights) {
  const auto all = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  assert(all > 0);
  std::vector<comm::Traffic> shares;
  std::uint64_t before = 0;  // the weights so far
  for (const std::int32_t weight : weights) {
    const std::uint64_t after = before + static_cast<std::uint64_t>(weight);
    const std::uint64_t bytes = traffic.bytes * after / all - traffic.bytes * before / all;
    shares.push_back({0, bytes, traffic.seconds * weight / static_cast<double>(all)});
    before = after;
  }
  return shares;
}

}  // namespace yoke::runtime
