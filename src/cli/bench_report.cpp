#include "cli/bench_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/statistics.h"
#include "base/topology.h"
#include "cli/figures.h"
#include "terminal/table.h"

namespace yoke::cli {
namespace {

using Json = nlohmann::ordered_json;

std::vector<double> tokens_per_second(const BenchRow& row) {
  std::vector<double> rates;
  for (const measure::BenchmarkSample& sample : row.samples) {
    rates.push_back(row.test.tokens() / sample.seconds);
  }
  return rates;
}

std::vector<double> nanoseconds(const BenchRow& row) {
  std::vector<double> times;
  for (const measure::BenchmarkSample& sample : row.samples) times.push_back(1e9 * sample.seconds);
  return times;
}

/// Of the time of all runs, what rank 0 spent exchanging; 0 to 1.
double exchange_share(const BenchRow& row) {
  double seconds = 0, exchange = 0;
  for (const measure::BenchmarkSample& sample : row.samples) {
    seconds += sample.seconds;
    exchange += sample.exchange_seconds;
  }
  return exchange / seconds;
}

/// Of the rank that computes least of its time at work.
double least_busy_share(const BenchRow& row) {
  double least = 1;
  for (const runtime::TimeSplit& time : row.times) least = std::min(least, busy_share(time));
  return least;
}

/// "1.5 B", as llama-bench has it.
std::string params_text(std::int64_t weights) {
  const std::string label = runtime::size_label(weights);
  const std::size_t digits = label.find_last_of("0123456789") + 1;
  return fmt::format("{} {}", label.substr(0, digits), label.substr(digits));
}

/// Operations with weights that a token of a prompt takes, of which no logits are wanted.
double prompt_ops(const BenchReport& report) { return 2 * static_cast<double>(report.model.products.layers); }

std::string percent_text(const std::optional<double>& percent) {
  return percent ? fmt::format("{:.1f}", *percent) : "-";
}

std::string table_of_tests(const BenchReport& report) {
  using Align = terminal::Table::Align;
  const bool several = report.ranks.size() > 1;
  std::vector<terminal::Table::Column> columns{{"model"},
                                               {"size", Align::right},
                                               {"params", Align::right},
                                               {"backend"},
                                               {"threads", Align::right},
                                               {"ranks", Align::right},
                                               {"test", Align::right},
                                               {"t/s", Align::right},
                                               {"% of stream", Align::right},
                                               {"% of int8", Align::right}};
  if (several) columns.push_back({"exchange", Align::right});
  if (several) columns.push_back({"busy", Align::right});
  terminal::Table table(std::move(columns));
  for (const BenchRow& row : report.rows) {
    const std::vector<double> rates = tokens_per_second(row);
    std::vector<std::string> cells{report.model.description,
                                   format_bytes(report.model.bytes),
                                   params_text(report.model.weights),
                                   "CPU " + report.ranks.front().isa,
                                   fmt::format("{}", report.ranks.front().threads),
                                   fmt::format("{}", report.ranks.size()),
                                   row.test.name(),
                                   fmt::format("{:.2f} ± {:.2f}", mean(rates), standard_deviation(rates)),
                                   percent_text(percent_of_stream(report, row)),
                                   percent_text(percent_of_int8(report, row))};
    if (several) cells.push_back(fmt::format("{:.0f}%", 100 * exchange_share(row)));
    if (several) cells.push_back(fmt::format("{:.0f}%", 100 * least_busy_share(row)));
    table.add_row(std::move(cells));
  }
  return table.markdown();
}

std::string threads_text(const BenchReport& report) {
  int threads = 0;
  for (const runtime::RankReport& rank : report.ranks) threads += rank.threads;
  return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s");
}

std::string rate_text(double bytes_per_second) {
  return format_bytes(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

std::string line_on_stream(const BenchReport& report) {
  const rates::Roofline limit = rates::sum(report.limits);
  if (!limit.stream()) return fmt::format("Stream read bandwidth: not measured, for {}.\n", limit.no_stream);
  const model::TokenReads& reads = report.model.reads;
  const std::string states =
      reads.states == 0 ? "" : fmt::format(", reads and writes {} of states", format_bytes(reads.states));
  std::string windows;
  for (const auto& [window, bytes] : reads.kv_of_position) {
    if (window > 0) windows += fmt::format(" ({} of them for the last {} only)", format_bytes(bytes), window);
  }
  return fmt::format(
      "Stream read bandwidth: {} with {}. A token reads {} of weights{}, and {} for each position it "
      "attends "
      "to{}.\n",
      rate_text(*limit.stream()), threads_text(report), format_bytes(reads.weights), states,
      format_bytes(reads.kv_of_near_position()), windows);
}

std::string line_on_int8(const BenchReport& report) {
  return fmt::format(
      "Peak of int8 products: {:.4g} GOP/s with {}. A token of a prompt takes {:.4g} GOP with weights.\n",
      rates::sum(report.limits).int8_ops() / 1e9, threads_text(report), prompt_ops(report) / 1e9);
}

std::string table_of_ranks(const BenchReport& report) {
  using Align = terminal::Table::Align;
  terminal::Table table({{"rank", Align::right},
                         {"host"},
                         {"threads", Align::right},
                         {"load", Align::right},
                         {"weights", Align::right},
                         {"KV cache", Align::right},
                         {"peak memory", Align::right},
                         {"stream read", Align::right},
                         {"int8 products", Align::right}});
  for (std::size_t r = 0; r < report.ranks.size(); ++r) {
    const runtime::RankReport& rank = report.ranks[r];
    const rates::Roofline& limit = report.limits[r];
    table.add_row({fmt::format("{}", rank.rank), rank.host, fmt::format("{}", rank.threads),
                   fmt::format("{:.3f} s", rank.load_seconds), format_bytes(rank.weight_bytes),
                   format_bytes(rank.kv_bytes), format_bytes(rank.peak_bytes),
                   limit.stream() ? rate_text(*limit.stream()) : "-",
                   fmt::format("{:.4g} GOP/s", limit.int8_ops() / 1e9)});
  }
  return table.markdown();
}

Json json_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json json_of_ranks(const BenchReport& report) {
  Json list = Json::array();
  for (std::size_t r = 0; r < report.ranks.size(); ++r) {
    const runtime::RankReport& rank = report.ranks[r];
    const rates::Roofline& limit = report.limits[r];
    list.push_back({{"rank", rank.rank},
                    {"host", rank.host},
                    {"n_threads", rank.threads},
                    {"pinned", rank.pinned},
                    {"isa", rank.isa},
                    {"load_seconds", rank.load_seconds},
                    {"fetched_bytes", rank.fetched_bytes},
                    {"cache_read_bytes", rank.cache_read_bytes},
                    {"cache_written_bytes", rank.cache_written_bytes},
                    {"weight_bytes", rank.weight_bytes},
                    {"kv_bytes", rank.kv_bytes},
                    {"peak_bytes", rank.peak_bytes},
                    {"stream_bytes_per_second", json_or_null(limit.stream())},
                    {"int8_ops_per_second", limit.int8_ops()},
                    {"share", rank.share}});
  }
  return list;
}

/// Of the keys and values of a position those that only tokens within a window read.
Json json_of_windows(const model::TokenReads& reads) {
  Json list = Json::array();
  for (const auto& [window, bytes] : reads.kv_of_position) {
    if (window > 0) list.push_back({{"window", window}, {"bytes", bytes}});
  }
  return list;
}

/// Seconds of each rank.
Json json_of_times(const BenchRow& row) {
  Json list = Json::array();
  for (const runtime::TimeSplit& time : row.times) {
    list.push_back({{"busy_share", busy_share(time)},
                    {"products", time.products},
                    {"attention", time.attention},
                    {"other", time.other},
                    {"exchange", time.exchange},
                    {"waiting_for_rank", time.waiting},
                    {"between_steps", time.leading},
                    {"measuring", time.measuring},
                    {"idle", time.idle}});
  }
  return list;
}

Json json_of_row(const BenchReport& report, const BenchRow& row) {
  const auto whole = [](double value) { return static_cast<std::uint64_t>(std::llround(value)); };
  const std::vector<double> times = nanoseconds(row), rates = tokens_per_second(row);
  const rates::Roofline limit = rates::sum(report.limits);
  Json samples_ns = Json::array();
  for (const double time : times) samples_ns.push_back(whole(time));
  return {{"yoke_version", report.version},
          {"backends", "CPU"},
          {"model_filename", report.model_path},
          {"model_type", report.model.description},
          {"model_size", report.model.bytes},
          {"model_n_params", report.model.weights},
          {"n_batch", report.prefill_chunk},
          {"n_threads", report.ranks.front().threads},
          {"type_k", kernels::name_of(report.kv_type)},
          {"type_v", kernels::name_of(report.kv_type)},
          {"n_prompt", row.test.n_prompt},
          {"n_gen", row.test.n_gen},
          {"n_depth", row.test.depth},
          {"test_time", report.time},
          {"avg_ns", whole(mean(times))},
          {"stddev_ns", whole(standard_deviation(times))},
          {"avg_ts", mean(rates)},
          {"stddev_ts", standard_deviation(rates)},
          {"samples_ns", samples_ns},
          {"samples_ts", rates},
          {"n_ranks", report.ranks.size()},
          {"isa", report.ranks.front().isa},
          {"percent_of_stream", json_or_null(percent_of_stream(report, row))},
          {"stream_bytes_per_second", json_or_null(limit.stream())},
          {"weight_bytes_per_token", report.model.reads.weights},
          {"kv_bytes_per_position", report.model.reads.kv_of_near_position()},
          {"kv_bytes_per_windowed_position", json_of_windows(report.model.reads)},
          {"state_bytes_per_token", report.model.reads.states},
          {"percent_of_int8", json_or_null(percent_of_int8(report, row))},
          {"int8_ops_per_second", limit.int8_ops()},
          {"ops_per_prompt_token", prompt_ops(report)},
          {"exchange_share", exchange_share(row)},
          {"times", json_of_times(row)},
          {"load_seconds", longest_load_seconds(report.ranks)},
          {"ranks", json_of_ranks(report)}};
}

}  // namespace

std::optional<double> percent_of_stream(const BenchReport& report, const BenchRow& row) {
  const std::optional<double> stream = rates::sum(report.limits).stream();
  if (!stream || row.test.n_gen == 0) return std::nullopt;
  const double bytes = report.model.reads.total(row.test.average_positions());
  return 100 * bytes * mean(tokens_per_second(row)) / *stream;
}

std::optional<double> percent_of_int8(const BenchReport& report, const BenchRow& row) {
  if (row.test.n_gen > 0) return std::nullopt;
  return 100 * prompt_ops(report) * mean(tokens_per_second(row)) / rates::sum(report.limits).int8_ops();
}

std::string bench_markdown(const BenchReport& report) {
  return table_of_tests(report) + "\n" + line_on_stream(report) + line_on_int8(report) + "\n" +
         table_of_ranks(report);
}

std::string bench_json(const BenchReport& report) {
  Json rows = Json::array();
  for (const BenchRow& row : report.rows) rows.push_back(json_of_row(report, row));
  // A path may hold any bytes.
  return rows.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace yoke::cli
