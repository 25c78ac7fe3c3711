// yoke probe: what this machine has and can do.
#include <fmt/core.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/probe_report.h"
#include "terminal/status_line.h"

namespace yoke::cli {
namespace {

struct ProbeOptions {
  std::string disk;  // empty: the working directory, if that can be measured
  bool no_disk = false;
  bool json = false;
};

/// A path that was asked for must be measured; the one that stands in for it may turn out not to be.
DiskReport probe_disk(const ProbeOptions& options, terminal::StatusLine& line) {
  DiskReport report;
  if (options.no_disk) return report;
  report.path = options.disk.empty() ? "." : options.disk;
  line.show(fmt::format("measuring: disk read, {}", report.path));
  try {
    report.rate = rates::measure_disk(report.path);
  } catch (const Error& error) {
    if (!options.disk.empty()) throw;
    report.why_not = error.what();
  }
  return report;
}

int probe(const ProbeOptions& options) {
  std::string text;
  {
    terminal::StatusLine line;
    const DiskReport disk = probe_disk(options, line);
    const rates::ProbeReport report =
        rates::probe([&](std::string_view what) { line.show(fmt::format("measuring: {}", what)); });
    text = options.json ? probe_json(report, disk) : probe_text(report, disk);
  }
  fmt::print("{}", text);
  return 0;
}

}  // namespace

void add_probe(CLI::App& app, Action& action) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* command = app.add_subcommand("probe", "Measure what this machine can do, in a few seconds");
  CLI::Option* disk = command->add_option(
      "--disk", options->disk,
      "File to read, or folder to read a file in that is gone afterwards (default: the working directory)");
  command->add_flag("--no-disk", options->no_disk, "Leave the disk alone")->excludes(disk);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer("Example:\n  yoke probe --disk models/demo.gguf");
  command->callback([options, &action] { action = [options] { return probe(*options); }; });
}

}  // namespace yoke::cli
