#include "cli/probe_report.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "terminal/table.h"

namespace yoke::cli {
namespace {

using rates::Operands;
using rates::ProbeReport;
using Json = nlohmann::ordered_json;

std::string or_unknown(const std::string& text) { return text.empty() ? "unknown" : text; }

std::string counted(int count, const char* singular, const char* plural) {
  return fmt::format("{} {}", count, count == 1 ? singular : plural);
}

/// Caches come in powers of two: "32 KiB", "1.5 MiB".
std::string cache_size(std::uint64_t bytes) {
  const double kibi = static_cast<double>(bytes) / 1024;
  return kibi < 1024 ? fmt::format("{:.4g} KiB", kibi) : fmt::format("{:.4g} MiB", kibi / 1024);
}

std::string caches_text(const std::vector<CacheLevel>& caches) {
  std::vector<std::string> texts;
  for (const CacheLevel& cache : caches)
    texts.push_back(fmt::format("L{} {} × {}", cache.level, cache.count, cache_size(cache.bytes)));
  return or_unknown(fmt::format("{}", fmt::join(texts, ", ")));
}

std::string numa_text(const std::vector<NumaNode>& nodes) {
  std::vector<std::string> texts;
  for (const NumaNode& node : nodes) {
    texts.push_back(fmt::format("node {}: {}, {}", node.number, counted(node.cores, "core", "cores"),
                                format_bytes(node.bytes)));
  }
  return or_unknown(fmt::format("{}", fmt::join(texts, "; ")));
}

std::string kernels_text(const ProbeReport& report) {
  std::vector<std::string> others;
  for (const std::string& isa : report.isas) {
    if (isa != report.isa) others.push_back(isa);
  }
  return others.empty() ? report.isa
                        : fmt::format("{}; {} can run, too", report.isa, fmt::join(others, " and "));
}

std::string machine_lines(const ProbeReport& report) {
  const Topology& topology = report.topology;
  const Memory& memory = report.memory;
  std::string text;
  const auto add = [&](std::string_view what, const std::string& is) {
    text += fmt::format("{:<11} {}\n", what, is);
  };
  add("host", report.host);
  add("processor", fmt::format("{}: {} for this process, {}", or_unknown(topology.processor),
                               counted(topology.cores, "core", "cores"),
                               counted(topology.logical_cpus, "hardware thread", "hardware threads")));
  add("caches", caches_text(topology.caches));
  add("NUMA", numa_text(topology.numa_nodes));
  add("memory", fmt::format("{}, of which {} are available ({})", format_bytes(memory.total),
                            format_bytes(memory.available), memory.limited_by));
  add("huge pages", or_unknown(report.huge_pages));
  add("kernels", kernels_text(report));
  return text;
}

const char* name_of(Operands operands) { return operands == Operands::int8 ? "int8" : "f32"; }

std::string rate_text(double bytes_per_second) {
  return format_bytes(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

void add_disk(terminal::Table& table, const DiskReport& disk) {
  if (!disk.rate) return;
  table.add_row({disk.rate->direct ? "disk read" : "disk read, through the system's cache", "",
                 rate_text(disk.rate->bytes_per_second())});
}

std::string table_of_limits(const ProbeReport& report, const DiskReport& disk) {
  terminal::Table table(
      {{"limit"}, {"threads", terminal::Table::Align::right}, {"measured", terminal::Table::Align::right}});
  for (const ProbeReport::Stream& each : report.stream)
    table.add_row({"stream read", std::to_string(each.threads), rate_text(each.bytes_per_second)});
  for (const ProbeReport::Multiply& each : report.multiply) {
    table.add_row({fmt::format("{} products, {}", name_of(each.operands), each.isa),
                   std::to_string(each.threads), fmt::format("{:.1f} GOP/s", each.ops_per_second / 1e9)});
  }
  for (const ProbeReport::Barrier& each : report.barrier) {
    table.add_row({"empty parallel region", std::to_string(each.threads),
                   fmt::format("{:.2f} µs", each.seconds * 1e6)});
  }
  add_disk(table, disk);
  return table.markdown();
}

/// Of ways of multiplying, where there are any.
std::string table_of_gemv(const ProbeReport& report) {
  if (report.gemv.empty()) return {};
  std::vector<terminal::Table::Column> columns{{"one token of"}, {"threads", terminal::Table::Align::right}};
  for (const kernels::Gemv gemv : kernels::gemvs)
    columns.push_back({std::string(name_of(gemv)), terminal::Table::Align::right});
  columns.push_back({"taken"});
  terminal::Table table(columns);
  for (const ProbeReport::Gemv& each : report.gemv) {
    std::vector<std::string> row{std::string(quant::format(each.rate.type).name),
                                 std::to_string(each.threads)};
    for (const double rate : each.rate.bytes_per_second) row.push_back(rate_text(rate));
    row.emplace_back(name_of(each.taken));
    table.add_row(row);
  }
  return fmt::format("\n{}", table.markdown());
}

Json json_of_gemv(const ProbeReport& report) {
  Json list = Json::array();
  for (const ProbeReport::Gemv& each : report.gemv) {
    Json rates = Json::object();
    for (std::size_t i = 0; i < kernels::gemvs.size(); ++i)
      rates[std::string(name_of(kernels::gemvs[i]))] = each.rate.bytes_per_second[i];
    list.push_back({{"type", quant::format(each.rate.type).name},
                    {"threads", each.threads},
                    {"bytes_per_second", std::move(rates)},
                    {"taken", name_of(each.taken)}});
  }
  return list;
}

Json json_of_topology(const Topology& topology) {
  Json caches = Json::array(), nodes = Json::array();
  for (const CacheLevel& cache : topology.caches)
    caches.push_back({{"level", cache.level}, {"bytes", cache.bytes}, {"count", cache.count}});
  for (const NumaNode& node : topology.numa_nodes)
    nodes.push_back({{"number", node.number}, {"bytes", node.bytes}, {"cores", node.cores}});
  return {{"processor", topology.processor},       {"cores", topology.cores},
          {"logical_cpus", topology.logical_cpus}, {"machine_cores", topology.machine_cores},
          {"caches", std::move(caches)},           {"numa_nodes", std::move(nodes)}};
}

Json json_of_memory(const ProbeReport& report) {
  return {{"total_bytes", report.memory.total},
          {"available_bytes", report.memory.available},
          {"limited_by", report.memory.limited_by},
          {"huge_pages", report.huge_pages}};
}

Json json_of_disk(const DiskReport& disk) {
  if (!disk.rate) return nullptr;
  return {{"path", disk.path},
          {"bytes", disk.rate->bytes},
          {"direct", disk.rate->direct},
          {"bytes_per_second", disk.rate->bytes_per_second()}};
}

}  // namespace

std::string probe_text(const ProbeReport& report, const DiskReport& disk) {
  std::string text = machine_lines(report) + "\n" + table_of_limits(report, disk) + table_of_gemv(report);
  if (!report.no_stream.empty())
    text += fmt::format("\nStream read: not measured, for {}.\n", report.no_stream);
  if (!disk.why_not.empty()) text += fmt::format("\nDisk read: not measured, for {}.\n", disk.why_not);
  return text;
}

std::string probe_json(const ProbeReport& report, const DiskReport& disk) {
  Json stream = Json::array(), multiply = Json::array(), regions = Json::array();
  for (const ProbeReport::Stream& each : report.stream)
    stream.push_back({{"threads", each.threads}, {"bytes_per_second", each.bytes_per_second}});
  for (const ProbeReport::Multiply& each : report.multiply) {
    multiply.push_back({{"isa", each.isa},
                        {"operands", name_of(each.operands)},
                        {"threads", each.threads},
                        {"ops_per_second", each.ops_per_second}});
  }
  for (const ProbeReport::Barrier& each : report.barrier)
    regions.push_back({{"threads", each.threads}, {"seconds", each.seconds}});
  const Json whole{{"host", report.host},
                   {"topology", json_of_topology(report.topology)},
                   {"memory", json_of_memory(report)},
                   {"isa", report.isa},
                   {"isas", report.isas},
                   {"stream", std::move(stream)},
                   {"multiply", std::move(multiply)},
                   {"gemv", json_of_gemv(report)},
                   {"parallel_region", std::move(regions)},
                   {"disk", json_of_disk(disk)}};
  // A path may hold any bytes.
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace yoke::cli
