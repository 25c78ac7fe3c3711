#include "runtime/sum_times.h"

#include <gtest/gtest.h>

#include <vector>

#include "comm/threads.h"

namespace yoke::runtime {
namespace {

TEST(SumTimes, EveryRankHasTheSameVerdict) {
  for (const std::size_t n : {1, 1000}) {
    std::vector<SumTimes> times(3);
    comm::run_ranks(
        3, [&](comm::Comm& comm) { times[static_cast<std::size_t>(comm.rank())] = time_sums(comm, n); });
    for (const SumTimes& each : times) {
      EXPECT_EQ(each.parts_pay, times.front().parts_pay);
      EXPECT_GT(each.whole, 0);
      EXPECT_LT(each.whole, 1);
    }
  }
}

}  // namespace
}  // namespace yoke::runtime
