#include "cli/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace yoke::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

runtime::RankReport rank_report(std::int32_t rank, const std::string& host) {
  runtime::RankReport report;
  report.rank = rank;
  report.host = host;
  report.threads = 2;
  report.pinned = rank == 1;
  report.isa = "avx2";
  report.weight_bytes = 500'000'000;
  report.kv_bytes = 1'000'000;
  report.peak_bytes = 520'000'000;
  report.share = "heads 0-3 of 8";
  report.load_seconds = 0.5 + rank;
  return report;
}

/// A gigabyte of weights read for each token, and 10 MB for each position; memory gives 20 GB/s. A token of a
/// prompt takes 2.4 GOP; the units can do 640 GOP/s.
/// One is busy nine tenths of its time at work, the other half of it.
std::vector<runtime::TimeSplit> times() {
  return {{.products = 6, .attention = 2, .other = 1, .exchange = 0.5, .waiting = {0, 0.25}, .leading = 0.25},
          {.products = 4, .other = 1, .exchange = 2, .waiting = {3, 0}, .idle = 100}};
}

BenchReport example() {
  BenchReport report;
  report.model_path = "models/some.gguf";
  report.model = {"llama 1.5B Q4_0",
                  1'100'000'000,
                  1'498'482'688,
                  512,
                  128'256,
                  {1'000'000'000, {{0, 10'000'000}}},
                  {1'200'000'000, 300'000'000}};
  report.prefill_chunk = 256;
  report.ranks = {rank_report(0, "a"), rank_report(1, "a")};
  report.limits = {{{12e9}, {}, {400e9}, {}}, {{8e9}, {}, {240e9}, {}}};
  report.version = "0.1.0";
  report.time = "2026-11-22T16:33:45Z";
  // 100, 50 and 50 tokens/s; then 10 and 10 tokens/s.
  report.rows = {{{100, 0}, {{1, 0.25}, {2, 0.5}, {2, 0.5}}, times()},
                 {{0, 39}, {{3.9, 0}, {3.9, 3.9}}, times()}};
  return report;
}

TEST(PercentOfStream, CountsWeightsAndTheAverageContext) {
  const BenchReport report = example();
  // On average 20 positions: 1 GB + 0.2 GB a token, ten times a second, of 20 GB/s.
  EXPECT_NEAR(percent_of_stream(report, report.rows[1]).value(), 60, 1e-9);
}

TEST(PercentOfStream, IsNotToldOfAPromptNorWithoutABandwidth) {
  BenchReport report = example();
  EXPECT_EQ(percent_of_stream(report, report.rows[0]), std::nullopt);
  report.limits[1].stream_passes.clear();
  EXPECT_EQ(percent_of_stream(report, report.rows[1]), std::nullopt);
}

TEST(PercentOfStream, CountsWindowsAsFarAsTheyReach) {
  BenchReport report = example();
  report.model.reads.kv_of_position = {{0, 6'000'000}, {15, 4'000'000}};
  // 20 positions on average: 1 GB, 20 times 6 MB and 15 times 4 MB, 10 times a second, of 20 GB/s.
  EXPECT_NEAR(percent_of_stream(report, report.rows[1]).value(), 59, 1e-9);
  EXPECT_THAT(
      bench_markdown(report),
      HasSubstr("and 10.0 MB for each position it attends to (4.00 MB of them for the last 15 only).\n"));
}

TEST(PercentOfInt8, CountsTheWeightsOfAPromptWithoutItsLogits) {
  const BenchReport report = example();
  // 2.4 GOP a token, 66.67 times a second, of 640 GOP/s.
  EXPECT_NEAR(percent_of_int8(report, report.rows[0]).value(), 25, 1e-9);
}

TEST(PercentOfInt8, IsNotToldOfGeneration) {
  const BenchReport report = example();
  EXPECT_EQ(percent_of_int8(report, report.rows[1]), std::nullopt);
}

TEST(BenchMarkdown, HasARowPerTestAndARowPerRank) {
  EXPECT_EQ(
      bench_markdown(example()),
      "| model           |    size | params | backend  | threads | ranks |  test |           t/s | % of "
      "stream | % of int8 | exchange | busy |\n"
      "|-----------------|--------:|-------:|----------|--------:|------:|------:|--------------:|------"
      "------:|----------:|---------:|-----:|\n"
      "| llama 1.5B Q4_0 | 1.10 GB |  1.5 B | CPU avx2 |       2 |     2 | pp100 | 66.67 ± 28.87 |      "
      "     - |      25.0 |      25% |  50% |\n"
      "| llama 1.5B Q4_0 | 1.10 GB |  1.5 B | CPU avx2 |       2 |     2 |  tg39 |  10.00 ± 0.00 |      "
      "  60.0 |         - |      50% |  50% |\n"
      "\n"
      "Stream read bandwidth: 20.0 GB/s with 4 threads. A token reads 1.00 GB of weights, and 10.0 MB "
      "for each position it attends to.\n"
      "Peak of int8 products: 640 GOP/s with 4 threads. A token of a prompt takes 2.4 GOP with weights.\n"
      "\n"
      "| rank | host | threads |    load | weights | KV cache | peak memory | stream read | int8 products |\n"
      "|-----:|------|--------:|--------:|--------:|---------:|------------:|------------:|--------------:|\n"
      "|    0 | a    |       2 | 0.500 s |  500 MB |  1.00 MB |      520 MB |   12.0 GB/s |     400 GOP/s |\n"
      "|    1 | a    |       2 | 1.500 s |  500 MB |  1.00 MB |      520 MB |   8.00 GB/s |     240 GOP/s "
      "|\n");
}

TEST(BenchMarkdown, SaysWhyThereIsNoLimitAndHidesTheExchangeOfOneRank) {
  BenchReport report = example();
  report.ranks.pop_back();
  report.limits.pop_back();
  report.limits[0].stream_passes.clear();
  report.limits[0].no_stream = "9.0 MiB of free memory are too little to do it with";
  const std::string text = bench_markdown(report);
  EXPECT_THAT(
      text,
      HasSubstr("\nStream read bandwidth: not measured, for 9.0 MiB of free memory are too little to do "
                "it with.\n"));
  EXPECT_THAT(text, HasSubstr(" 10.00 ± 0.00 |           - |         - |\n"));
  EXPECT_THAT(text, Not(HasSubstr("exchange")));
  EXPECT_THAT(text, Not(HasSubstr("busy")));
}

TEST(BenchJson, NamesWhatLlamaBenchNamesAndAddsOurs) {
  const nlohmann::json rows = nlohmann::json::parse(bench_json(example()));
  ASSERT_EQ(rows.size(), 2);
  const nlohmann::json& prompt = rows[0];
  EXPECT_EQ(prompt["model_filename"], "models/some.gguf");
  EXPECT_EQ(prompt["model_type"], "llama 1.5B Q4_0");
  EXPECT_EQ(prompt["model_size"], 1'100'000'000);
  EXPECT_EQ(prompt["model_n_params"], 1'498'482'688);
  EXPECT_EQ(prompt["n_batch"], 256);
  EXPECT_EQ(prompt["n_threads"], 2);
  EXPECT_EQ(prompt["n_prompt"], 100);
  EXPECT_EQ(prompt["n_gen"], 0);
  EXPECT_EQ(prompt["test_time"], "2026-11-22T16:33:45Z");
  EXPECT_EQ(prompt["avg_ns"], 1'666'666'667);
  EXPECT_EQ(prompt["stddev_ns"], 577'350'269);  // 1e9·√(1/3)
  EXPECT_NEAR(prompt["avg_ts"], 200.0 / 3, 1e-9);
  EXPECT_NEAR(prompt["stddev_ts"], 28.867513459481287, 1e-9);  // 50·√(1/3)
  EXPECT_EQ(prompt["samples_ns"], (std::vector<std::int64_t>{1'000'000'000, 2'000'000'000, 2'000'000'000}));
  EXPECT_EQ(prompt["samples_ts"], (std::vector<double>{100, 50, 50}));
  EXPECT_EQ(prompt["n_ranks"], 2);
  EXPECT_TRUE(prompt["percent_of_stream"].is_null());
  EXPECT_EQ(prompt["stream_bytes_per_second"], 20e9);
  EXPECT_NEAR(prompt["percent_of_int8"], 25, 1e-9);
  EXPECT_EQ(prompt["int8_ops_per_second"], 640e9);
  EXPECT_EQ(prompt["ops_per_prompt_token"], 2.4e9);
  EXPECT_NEAR(prompt["exchange_share"], 0.25, 1e-12);
  ASSERT_EQ(prompt["times"].size(), 2U);
  EXPECT_NEAR(prompt["times"][0]["busy_share"], 0.9, 1e-12);
  EXPECT_NEAR(prompt["times"][1]["busy_share"], 0.5, 1e-12);
  EXPECT_EQ(prompt["times"][1]["products"], 4);
  EXPECT_EQ(prompt["times"][1]["waiting_for_rank"], (std::vector<double>{3, 0}));
  EXPECT_EQ(prompt["load_seconds"], 1.5);
  EXPECT_EQ(prompt["ranks"].size(), 2);
  EXPECT_EQ(prompt["ranks"][1]["weight_bytes"], 500'000'000);
  EXPECT_EQ(prompt["ranks"][0]["stream_bytes_per_second"], 12e9);
  EXPECT_EQ(prompt["ranks"][1]["int8_ops_per_second"], 240e9);
  EXPECT_EQ(prompt["ranks"][0]["pinned"], false);
  EXPECT_EQ(prompt["ranks"][1]["pinned"], true);
  EXPECT_NEAR(rows[1]["percent_of_stream"], 60, 1e-9);
  EXPECT_TRUE(rows[1]["percent_of_int8"].is_null());
  EXPECT_EQ(rows[1]["n_gen"], 39);
}

TEST(BenchJson, StandsAPathThatIsNotUtf8) {
  BenchReport report = example();
  report.model_path = "models/\xFF.gguf";
  EXPECT_EQ(nlohmann::json::parse(bench_json(report))[0]["model_filename"], "models/\xEF\xBF\xBD.gguf");
}

}  // namespace
}  // namespace yoke::cli
