#include "rates/barrier_time.h"

#include <gtest/gtest.h>

namespace yoke::rates {
namespace {

TEST(MeasureBarrier, GivesATimeForEachPassOnAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    const std::vector<double> times = measure_barrier(pool, 3);
    ASSERT_EQ(times.size(), 3);
    for (const double time : times) {
      EXPECT_GT(time, 0) << threads;
      EXPECT_LT(time, 1) << threads;
    }
  }
}

}  // namespace
}  // namespace yoke::rates
