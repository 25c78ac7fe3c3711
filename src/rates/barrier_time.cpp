#include "rates/barrier_time.h"

#include <chrono>

namespace yoke::rates {

std::vector<double> measure_barrier(ThreadPool& pool, int passes) {
  constexpr int regions = 1000;
  std::vector<double> times;
  for (int pass = 0; pass < passes; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    for (int region = 0; region < regions; ++region) pool.run([](int) {});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    times.push_back(seconds.count() / regions);
  }
  return times;
}

}  // namespace yoke::rates
