#include "cli/probe_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace yoke::cli {
namespace {

using rates::Operands;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kibi = 1024, mebi = 1024 * kibi;

rates::ProbeReport example() {
  rates::ProbeReport report;
  report.host = "ox";
  report.topology.cores = 2;
  report.topology.logical_cpus = 4;
  report.topology.machine_cores = 8;
  report.topology.processor = "Some CPU";
  report.topology.caches = {{1, 32 * kibi, 2}, {2, mebi + mebi / 4, 2}, {3, 16 * mebi, 1}};
  report.topology.numa_nodes = {{0, 8'000'000'000, 1}, {1, 8'000'000'000, 1}};
  report.memory = {16'000'000'000, 12'000'000'000, "memory of the machine"};
  report.huge_pages = "madvise";
  report.isas = {"avx512", "avx2", "scalar"};
  report.isa = "avx2";
  report.stream = {{1, 13.4e9}, {2, 24.4e9}};
  report.multiply = {{"avx2", Operands::int8, 2, 469.9e9}, {"avx2", Operands::f32, 2, 234.6e9}};
  report.gemv = {{{quant::Type::q4_0, {8.8e9, 12.2e9}}, 1, kernels::Gemv::ahead},
                 {{quant::Type::q8_0, {22e9, 22.1e9}}, 2, kernels::Gemv::plain}};
  report.barrier = {{2, 0.5e-6}};
  return report;
}

DiskReport disk_example() { return {"model.gguf", rates::DiskRate{500'000'000, 0.25, true}, ""}; }

TEST(ProbeText, TellsTheMachineAndThenItsLimits) {
  EXPECT_EQ(probe_text(example(), disk_example()),
            "host        ox\n"
            "processor   Some CPU: 2 cores for this process, 4 hardware threads\n"
            "caches      L1 2 × 32 KiB, L2 2 × 1.25 MiB, L3 1 × 16 MiB\n"
            "NUMA        node 0: 1 core, 8.00 GB; node 1: 1 core, 8.00 GB\n"
            "memory      16.0 GB, of which 12.0 GB are available (memory of the machine)\n"
            "huge pages  madvise\n"
            "kernels     avx2; avx512 and scalar can run, too\n"
            "\n"
            "| limit                 | threads |    measured |\n"
            "|-----------------------|--------:|------------:|\n"
            "| stream read           |       1 |   13.4 GB/s |\n"
            "| stream read           |       2 |   24.4 GB/s |\n"
            "| int8 products, avx2   |       2 | 469.9 GOP/s |\n"
            "| f32 products, avx2    |       2 | 234.6 GOP/s |\n"
            "| empty parallel region |       2 |     0.50 µs |\n"
            "| disk read             |         |   2.00 GB/s |\n"
            "\n"
            "| one token of | threads |     plain |     ahead | taken |\n"
            "|--------------|--------:|----------:|----------:|-------|\n"
            "| Q4_0         |       1 | 8.80 GB/s | 12.2 GB/s | ahead |\n"
            "| Q8_0         |       2 | 22.0 GB/s | 22.1 GB/s | plain |\n");
}

TEST(ProbeText, SaysWhatIsUnknownAndWhyThingsWereNotMeasured) {
  rates::ProbeReport report = example();
  report.topology.processor = report.huge_pages = "";
  report.topology.caches.clear();
  report.topology.numa_nodes.clear();
  report.stream.clear();
  report.no_stream = "8 bytes of free memory are too little to do it with";
  const std::string text = probe_text(report, {".", {}, ".: no room"});
  EXPECT_THAT(text, HasSubstr("processor   unknown: 2 cores"));
  EXPECT_THAT(text, HasSubstr("caches      unknown\nNUMA        unknown\n"));
  EXPECT_THAT(text, HasSubstr("huge pages  unknown\n"));
  EXPECT_THAT(text, HasSubstr("\nStream read: not measured, for 8 bytes of free memory are too little to do "
                              "it with.\n\nDisk read: not measured, for .: no room.\n"));
}

TEST(ProbeText, IsSilentOnWaysOfMultiplyingWhereThereIsNoChoice) {
  rates::ProbeReport report = example();
  report.gemv.clear();
  EXPECT_THAT(probe_text(report, disk_example()), Not(HasSubstr("taken")));
}

TEST(ProbeText, IsSilentOnADiskThatNobodyAskedFor) {
  EXPECT_THAT(probe_text(example(), {}), Not(HasSubstr("isk")));
}

TEST(ProbeText, SaysWhenTheDiskWasReadThroughACache) {
  DiskReport disk = disk_example();
  disk.rate->direct = false;
  EXPECT_THAT(probe_text(example(), disk), HasSubstr("| disk read, through the system's cache | "));
}

TEST(ProbeJson, HasEveryFigure) {
  const nlohmann::json json = nlohmann::json::parse(probe_json(example(), disk_example()));
  EXPECT_EQ(json["host"], "ox");
  EXPECT_EQ(json["topology"]["processor"], "Some CPU");
  EXPECT_EQ(json["topology"]["cores"], 2);
  EXPECT_EQ(json["topology"]["logical_cpus"], 4);
  EXPECT_EQ(json["topology"]["machine_cores"], 8);
  EXPECT_EQ(json["topology"]["caches"][2],
            (nlohmann::json{{"level", 3}, {"bytes", 16 * mebi}, {"count", 1}}));
  EXPECT_EQ(json["topology"]["numa_nodes"][1],
            (nlohmann::json{{"number", 1}, {"bytes", 8'000'000'000}, {"cores", 1}}));
  EXPECT_EQ(json["memory"]["total_bytes"], 16'000'000'000);
  EXPECT_EQ(json["memory"]["available_bytes"], 12'000'000'000);
  EXPECT_EQ(json["memory"]["huge_pages"], "madvise");
  EXPECT_EQ(json["isa"], "avx2");
  EXPECT_EQ(json["isas"], (std::vector<std::string>{"avx512", "avx2", "scalar"}));
  EXPECT_EQ(json["stream"][1], (nlohmann::json{{"threads", 2}, {"bytes_per_second", 24.4e9}}));
  EXPECT_EQ(
      json["multiply"][1],
      (nlohmann::json{{"isa", "avx2"}, {"operands", "f32"}, {"threads", 2}, {"ops_per_second", 234.6e9}}));
  EXPECT_EQ(json["gemv"][0], (nlohmann::json{{"type", "Q4_0"},
                                             {"threads", 1},
                                             {"bytes_per_second", {{"plain", 8.8e9}, {"ahead", 12.2e9}}},
                                             {"taken", "ahead"}}));
  EXPECT_EQ(json["parallel_region"][0], (nlohmann::json{{"threads", 2}, {"seconds", 0.5e-6}}));
  EXPECT_EQ(
      json["disk"],
      (nlohmann::json{
          {"path", "model.gguf"}, {"bytes", 500'000'000}, {"direct", true}, {"bytes_per_second", 2e9}}));
}

TEST(ProbeJson, HasNoDiskWhereNoneWasMeasuredAndStandsAPathThatIsNotUtf8) {
  EXPECT_TRUE(nlohmann::json::parse(probe_json(example(), {}))["disk"].is_null());
  DiskReport disk = disk_example();
  disk.path = "\xFF";
  EXPECT_EQ(nlohmann::json::parse(probe_json(example(), disk))["disk"]["path"], "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace yoke::cli
