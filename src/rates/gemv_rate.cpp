#include "rates/gemv_rate.h"

#include <algorithm>
#include <chrono>

#include "base/anonymous_memory.h"
#include "base/topology.h"
#include "rates/panel_walk.h"

namespace yoke::rates {
namespace {

using kernels::Gemv;
using kernels::gemvs;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// Passes of each way; fewer where the machine is slow.
constexpr int most_passes = 15, least_passes = 5;
/// Of all formats together, after which no more passes are made than must be.
constexpr Seconds patience{0.12};

GemvRate rate_of(PanelWalk& walk, const kernels::Kernels& kernels, quant::Type type,
                 Seconds patience_of_type) {
  GemvRate rate{type, {}};
  const auto start = Clock::now();
  for (int pass = 0; pass < most_passes; ++pass) {
    if (pass >= least_passes && Clock::now() - start > patience_of_type) break;
    for (std::size_t i = 0; i < gemvs.size(); ++i)
      rate.bytes_per_second[i] =
          std::max(rate.bytes_per_second[i], walk.pass(kernels.panel_multiply(type, gemvs[i])));
  }
  return rate;
}

}  // namespace

Gemv GemvRate::better() const {
  constexpr double least_gain = 1.03;
  const auto fastest = std::max_element(bytes_per_second.begin(), bytes_per_second.end());
  return *fastest > least_gain * bytes_per_second.front() ? gemvs[fastest - bytes_per_second.begin()]
                                                          : gemvs.front();
}

std::vector<GemvRate> measure_gemv(ThreadPool& pool, const kernels::Kernels& kernels,
                                   std::span<const quant::Type> types, std::uint64_t bytes) {
  std::vector<quant::Type> with_choice;
  std::copy_if(types.begin(), types.end(), std::back_inserter(with_choice),
               [&](quant::Type type) { return kernels.has_gemvs(type); });
  if (with_choice.empty()) return {};
  const AnonymousMemory memory(bytes);
  fill_panels(pool, memory.bytes());
  std::vector<GemvRate> rates;
  for (const quant::Type type : with_choice) {
    PanelWalk walk(pool, memory.bytes(), type);
    rates.push_back(rate_of(walk, kernels, type, patience / static_cast<double>(with_choice.size())));
  }
  return rates;
}

kernels::GemvOfTypes choose_gemv(ThreadPool& pool, const kernels::Kernels& kernels,
                                 std::span<const quant::Type> types, std::uint64_t weights, int ranks_here) {
  kernels::GemvOfTypes ways;
  if (const std::optional<Gemv> asked = kernels::asked_gemv()) {
    ways.take(*asked);
    return ways;
  }
  const auto ranks = static_cast<std::uint64_t>(ranks_here);
  if (const std::optional<std::uint64_t> bytes =
          walk_bytes(read_topology().cache / ranks, read_memory().available / ranks, weights)) {
    for (const GemvRate& rate : measure_gemv(pool, kernels, types, *bytes))
      ways.take(rate.type, rate.better());
  }
  return ways;
}

}  // namespace yoke::rates
