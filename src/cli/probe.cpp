// yoke probe: what this machine has and can do.
#include <fmt/core.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/host_flags.h"
#include "cli/probe_report.h"
#include "hosts/remote.h"
#include "terminal/status_line.h"

namespace yoke::cli {
namespace {

// Rates, disk and all take some ten seconds.
constexpr std::chrono::seconds hosts_patience{120};

struct ProbeOptions {
  std::string disk;  // empty: the working directory, if that can be measured
  bool no_disk = false;
  bool json = false;
  HostFlags hosts;  // machines to measure in place of this one
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

/// The same command for a host of its own.
hosts::RemoteCommand command_on(const hosts::Host& host, const ProbeOptions& options) {
  hosts::RemoteCommand command{
      host, {host.yoke.empty() ? yoke_on_hosts(options.hosts) : host.yoke, "probe"}, ""};
  if (options.json) command.words.emplace_back("--json");
  if (options.no_disk) command.words.emplace_back("--no-disk");
  if (!options.disk.empty())
    command.words.insert(command.words.end(), {"--disk", path_on_hosts(options.disk)});
  return command;
}

/// All hosts at once, for each would wait for nothing but itself.
std::vector<hosts::RemoteResult> measure_all(const std::string& ssh,
                                             const std::vector<hosts::RemoteCommand>& commands,
                                             const system::Environment& environment) {
  terminal::StatusLine line;
  line.show(fmt::format("measuring {} host{}", commands.size(), commands.size() == 1 ? "" : "s"));
  return hosts::run_on_all(hosts::SshCommand(ssh, {}, environment), environment, commands, hosts_patience,
                           static_cast<int>(commands.size()));
}

/// What hosts have printed, as one output, and why the first of them has not that has not.
struct Collected {
  std::string text;
  std::string trouble;
};

Collected collect(const std::vector<hosts::RemoteCommand>& commands,
                  const std::vector<hosts::RemoteResult>& results, bool json) {
  Collected all;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const hosts::Host& host = commands[i].host;
    const std::string& printed = results[i].output;
    if (const auto why = hosts::explain(host, commands[i].words.front(), results[i])) {
      if (all.trouble.empty()) all.trouble = fmt::format("{} ({})", why->sentence, why->remedy);
    } else if (json) {
      all.text += (all.text.empty() ? "" : ",\n") + printed;
    } else {
      all.text += fmt::format("{}== {}\n{}", all.text.empty() ? "" : "\n", host.name, printed);
    }
  }
  if (json) all.text = fmt::format("[{}]\n", all.text);
  return all;
}

/// What each host prints. Throws Error for the first that cannot be measured, after the others.
int probe_hosts(const ProbeOptions& options) {
  const system::Environment environment = system::current_environment();
  const hosts::HostList list = read_hosts(options.hosts, environment);
  std::vector<hosts::RemoteCommand> commands;
  for (const hosts::Host& host : list.hosts) commands.push_back(command_on(host, options));
  const Collected all = collect(commands, measure_all(list.ssh, commands, environment), options.json);
  fmt::print("{}", all.text);
  require(all.trouble.empty(), "{}", all.trouble);
  return 0;
}

int probe(const ProbeOptions& options) {
  if (options.hosts.given()) return probe_hosts(options);
  require_hosts(options.hosts);
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
  command->add_flag("--json", options->json, "Print JSON; of several hosts a list");
  add_host_flags(*command, options->hosts);
  command->remove_option(command->get_option("--network"));
  command->footer("Example:\n  yoke probe --disk models/demo.gguf\n  yoke probe -H node1,node2 --no-disk");
  command->callback([options, &action] { action = [options] { return probe(*options); }; });
}

}  // namespace yoke::cli
