#include "rates/probe.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/thread_pool.h"
#include "rates/barrier_time.h"
#include "rates/panel_walk.h"
#include "rates/stream_rate.h"

namespace yoke::rates {
namespace {

using Progress = std::function<void(std::string_view)>;

constexpr int passes = 15;

/// Whatever else runs on the machine only takes away from what it can do.
double best_rate(const std::vector<double>& rates) { return *std::max_element(rates.begin(), rates.end()); }

/// "1 thread", "4 threads".
std::string threads_text(int threads) { return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s"); }

/// One thread, and one for each core.
std::vector<int> one_and_all(int cores) { return cores > 1 ? std::vector{1, cores} : std::vector{1}; }

void probe_stream(ProbeReport& report, const Progress& progress) {
  const std::optional<std::uint64_t> bytes =
      rates::stream_bytes(report.topology.cache, read_memory().available);
  if (!bytes) {
    report.no_stream =
        fmt::format("{} of free memory are too little to do it with", format_bytes(report.memory.available));
    return;
  }
  for (const int threads : thread_counts(report.topology.cores)) {
    progress("stream read, " + threads_text(threads));
    ThreadPool pool(threads, true);
    report.stream.push_back({threads, best_rate(rates::measure_stream(pool, *bytes, passes))});
  }
}

void probe_multiply(ProbeReport& report, const Progress& progress) {
  for (const kernels::Kernels* table : kernels::available()) {
    for (const int threads : one_and_all(report.topology.cores)) {
      progress(fmt::format("multiplying with {}, {}", table->isa, threads_text(threads)));
      ThreadPool pool(threads, true);
      for (const rates::Operands operands : {rates::Operands::int8, rates::Operands::f32}) {
        report.multiply.push_back({std::string(table->isa), operands, threads,
                                   best_rate(rates::measure_multiply(pool, *table, operands, passes))});
      }
    }
  }
}

void probe_gemv(ProbeReport& report, const std::optional<kernels::Gemv>& asked, const Progress& progress) {
  const std::optional<std::uint64_t> bytes =
      walk_bytes(report.topology.cache, read_memory().available, std::numeric_limits<std::uint64_t>::max());
  if (!bytes) return;
  for (const int threads : one_and_all(report.topology.cores)) {
    progress("multiplying one token, " + threads_text(threads));
    ThreadPool pool(threads, true);
    for (const GemvRate& rate : measure_gemv(pool, kernels::best(), gemv_types, *bytes))
      report.gemv.push_back({rate, threads, asked.value_or(rate.better())});
  }
}

void probe_barrier(ProbeReport& report, const Progress& progress) {
  std::vector<int> counts{2, report.topology.cores};
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  for (const int threads : counts) {
    if (threads > report.topology.cores || threads < 2) continue;
    progress("parallel regions, " + threads_text(threads));
    ThreadPool pool(threads, true);
    const std::vector<double> times = measure_barrier(pool, passes);
    report.barrier.push_back({threads, *std::min_element(times.begin(), times.end())});
  }
}

}  // namespace

std::vector<int> thread_counts(int cores) {
  std::vector<int> counts;
  for (int threads = 1; threads < cores; threads *= 2) counts.push_back(threads);
  counts.push_back(cores);
  return counts;
}

ProbeReport probe(const Progress& progress) {
  const std::optional<kernels::Gemv> asked_gemv = kernels::asked_gemv();
  ProbeReport report;
  report.host = read_host_name();
  report.topology = read_topology();
  report.memory = read_memory();
  report.huge_pages = read_huge_pages();
  for (const kernels::Kernels* table : kernels::available()) report.isas.emplace_back(table->isa);
  report.isa = kernels::best().isa;
  probe_stream(report, progress);
  probe_multiply(report, progress);
  probe_gemv(report, asked_gemv, progress);
  probe_barrier(report, progress);
  return report;
}

}  // namespace yoke::rates
