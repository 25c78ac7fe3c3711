// What `yoke bench` has measured, and how it is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "measure/benchmark.h"
#include "rates/roofline.h"
#include "runtime/engine.h"
#include "runtime/model_summary.h"

namespace yoke::cli {

struct BenchRow {
  measure::BenchmarkTest test;
  std::vector<measure::BenchmarkSample> samples;  // at least one
  /// Of each rank, in all of these runs, tokens that precede the generated ones included.
  std::vector<runtime::TimeSplit> times;
};

struct BenchReport {
  std::string model_path;
  runtime::ModelSummary model;
  std::int32_t prefill_chunk = 0;          // prompt tokens computed in one step at most
  kernels::KvType kv_type{};               // how keys and values are stored
  std::vector<runtime::RankReport> ranks;  // at least one
  std::vector<rates::Roofline> limits;     // of each rank's threads, measured at once
  std::string version;                     // of this program
  std::string time;                        // of the start: "2026-11-22T16:33:45Z"
  std::vector<BenchRow> rows;
};

/// Of the stream read bandwidth, what the bytes that the test's tokens read take; in percent. Nothing where a
/// prompt was computed, or the bandwidth is not known.
std::optional<double> percent_of_stream(const BenchReport& report, const BenchRow& row);

/// Of the int8 operations that the multiplying units can do, what the weights that the test's prompt goes
/// through ask for; in percent. Nothing where tokens were generated.
std::optional<double> percent_of_int8(const BenchReport& report, const BenchRow& row);

/// One table of the tests, one of the ranks, and between them what the percentages refer to.
std::string bench_markdown(const BenchReport& report);

/// A JSON array with an object per test; what llama-bench also has is named as there.
std::string bench_json(const BenchReport& report);

}  // namespace yoke::cli
