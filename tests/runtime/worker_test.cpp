#include "runtime/worker.h"

#include <gtest/gtest.h>

#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

TEST(MemoryNeeded, IsWhatTheRanksThenReport) {
  EngineOptions options = demo_options();
  options.context = 100;
  for (const int ranks : {1, 3}) {
    with_engine(ranks, options, [&](Engine& engine) {
      for (const RankReport& report : engine.reports()) {
        const MemoryNeed need = memory_needed(options, report.rank, ranks);
        EXPECT_EQ(need.weights, report.weight_bytes);
        EXPECT_EQ(need.kv, report.kv_bytes);
        EXPECT_GT(need.scratch, 0);
      }
    });
  }
}

}  // namespace
}  // namespace yoke::runtime
