#include "rates/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace yoke::rates {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ThreadCounts, AreOneTheDoublesOfItAndAllCores) {
  EXPECT_THAT(thread_counts(1), ElementsAre(1));
  EXPECT_THAT(thread_counts(2), ElementsAre(1, 2));
  EXPECT_THAT(thread_counts(6), ElementsAre(1, 2, 4, 6));
  EXPECT_THAT(thread_counts(16), ElementsAre(1, 2, 4, 8, 16));
}

TEST(Probe, MeasuresEachLimitOnOneThreadAndOnAllCores) {
  std::vector<std::string> told;
  const ProbeReport report = probe([&](std::string_view what) { told.emplace_back(what); });
  const int cores = report.topology.cores;
  EXPECT_NE(report.host, "");
  EXPECT_EQ(report.isas.back(), "scalar");
  EXPECT_EQ(std::count(report.isas.begin(), report.isas.end(), report.isa), 1);

  if (report.no_stream.empty()) {
    std::vector<int> counts;
    for (const ProbeReport::Stream& each : report.stream) {
      counts.push_back(each.threads);
      EXPECT_GT(each.bytes_per_second, 1e6);
      EXPECT_LT(each.bytes_per_second, 1e13);
    }
    EXPECT_EQ(counts, thread_counts(cores));
  } else {
    EXPECT_TRUE(report.stream.empty());
  }

  // int8 and f32 on one thread and on all, which are the same on a machine of one core.
  EXPECT_EQ(report.multiply.size(), report.isas.size() * 2 * (cores > 1 ? 2 : 1));
  for (const ProbeReport::Multiply& each : report.multiply) {
    EXPECT_TRUE(each.threads == 1 || each.threads == cores);
    EXPECT_GT(each.ops_per_second, 1e6) << each.isa;
    EXPECT_LT(each.ops_per_second, each.threads * 1.6e13) << each.isa;
  }
  // Each format that there is a choice of, where there is memory to measure it, likewise.
  if (report.isa != "scalar" && report.no_stream.empty()) {
    EXPECT_EQ(report.gemv.size(), std::size(gemv_types) * (cores > 1 ? 2 : 1));
  }
  for (const ProbeReport::Gemv& each : report.gemv) {
    for (const double rate : each.rate.bytes_per_second) EXPECT_GT(rate, 1e6);
    EXPECT_EQ(each.taken, kernels::asked_gemv().value_or(each.rate.better()));
  }
  EXPECT_EQ(report.barrier.size(), cores < 2 ? 0 : cores == 2 ? 1 : 2);
  for (const ProbeReport::Barrier& each : report.barrier) EXPECT_GT(each.seconds, 0);
  EXPECT_THAT(told, testing::Contains(HasSubstr("multiplying with scalar, 1 thread")));
}

}  // namespace
}  // namespace yoke::rates
