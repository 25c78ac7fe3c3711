#include "rates/multiply_rate.h"

#include <chrono>
#include <numeric>

namespace yoke::rates {
namespace {

using Peak = std::int64_t (*)(std::int64_t rounds);

struct Pass {
  double seconds = 0;
  double multiply_adds = 0;
};

Pass run_pass(ThreadPool& pool, Peak peak, std::int64_t rounds) {
  std::vector<std::int64_t> done(static_cast<std::size_t>(pool.size()));
  const auto start = std::chrono::steady_clock::now();
  pool.run([&](int thread) { done[static_cast<std::size_t>(thread)] = peak(rounds); });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {seconds.count(), static_cast<double>(std::accumulate(done.begin(), done.end(), std::int64_t{0}))};
}

/// Rounds that take at least some milliseconds: beside those a region's beginning and end do not count.
std::int64_t enough_rounds(ThreadPool& pool, Peak peak) {
  constexpr double least_seconds = 0.004;
  std::int64_t rounds = 1024;
  while (run_pass(pool, peak, rounds).seconds < least_seconds) rounds *= 2;
  return rounds;
}

}  // namespace

std::vector<double> measure_multiply(ThreadPool& pool, const kernels::Kernels& kernels, Operands operands,
                                     int passes) {
  const Peak peak = operands == Operands::int8 ? kernels.int8_peak : kernels.f32_peak;
  const std::int64_t rounds = enough_rounds(pool, peak);
  std::vector<double> rates;
  for (int i = 0; i < passes; ++i) {
    const Pass pass = run_pass(pool, peak, rounds);
    rates.push_back(2 * pass.multiply_adds / pass.seconds);
  }
  return rates;
}

}  // namespace yoke::rates
