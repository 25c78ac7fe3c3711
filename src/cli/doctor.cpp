// yoke doctor: what is wrong with a list of hosts before anything is started on them.
#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/doctor_report.h"
#include "cli/engine_flags.h"
#include "cli/host_flags.h"
#include "cli/host_needs.h"
#include "cli/host_shares.h"
#include "cli/number_check.h"
#include "cli/usage.h"
#include "hosts/run_folder.h"
#include "hosts/survey_hosts.h"
#include "hosts/transfer.h"
#include "system/child_process.h"
#include "system/run_directory.h"
#include "terminal/status_line.h"

namespace yoke::cli {
namespace {

struct DoctorOptions {
  HostFlags flags;
  std::string model;
  std::string cache_dir;
  runtime::EngineOptions engine;
  bool no_transfers = false;
  bool json = false;
};

/// Everything that is needed to ask.
struct Call {
  system::Environment environment;
  const hosts::SshCommand& ssh;
  hosts::SurveyRequest request;
};

std::uint64_t file_bytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = path.empty() ? 0 : std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

void add_transfers(hosts::Examination& examination, const Call& call, terminal::StatusLine& line) {
  const hosts::Diagnosis first = judge_short(examination);
  if (!first.network || first.members.size() < 2) return;
  std::vector<hosts::TransferHost> ends;
  for (std::size_t i = 0; i < first.members.size(); ++i) {
    const hosts::Host& host = examination.hosts[first.members[i]].host;
    ends.push_back({host, yoke_on(host, call.request), first.network->members[i].address});
  }
  examination.transfers = measure_transfers(
      ends, hosts::make_key(), call.ssh, call.environment, [&](std::size_t done, std::size_t all) {
        line.show(fmt::format("measuring transfers in {}: {} of {} pairs", first.network->cidr, done, all));
      });
  examination.transfer_hosts = first.members;
}

void close_connections(const hosts::HostList& list, const Call& call) {
  constexpr std::chrono::seconds patience{1};
  for (const hosts::Host& host : list.hosts) {
    const std::vector<std::string> command = call.ssh.end_of(host);
    if (!command.empty()) system::ChildProcess(command, call.environment).wait(patience);
  }
}

void divide_work(hosts::Examination& examination, const DoctorOptions& options, const hosts::HostList& list) {
  const HostShares shares = divide(examination.hosts, options.model, options.engine);
  runtime::EngineOptions engine = options.engine;
  engine.shares = shares.of_ranks();
  examination.need = memory_needs(list.hosts, options.model, engine);
  for (std::size_t i = 0; i < list.hosts.size(); ++i) examination.shares.push_back(shares.describe(i));
  examination.fewer = shares.advice(list.hosts);
  examination.left_out = shares.left_out();
}

hosts::Examination examine(const DoctorOptions& options, const hosts::HostList& list, const Call& call) {
  terminal::StatusLine line;
  line.show(fmt::format("asking {} host{}", list.hosts.size(), list.hosts.size() == 1 ? "" : "s"));
  hosts::Examination examination;
  examination.model_bytes = file_bytes(options.model);
  examination.network = list.network;
  examination.hosts = survey_hosts(list.hosts, call.request, call.ssh, call.environment);
  divide_work(examination, options, list);
  if (!options.no_transfers) add_transfers(examination, call, line);
  close_connections(list, call);
  return examination;
}

int doctor(const DoctorOptions& options) {
  const system::Environment environment = system::current_environment();
  const hosts::HostList list = read_hosts(options.flags, environment);
  if (list.hosts.empty())
    throw UsageError("no hosts are named; expected -H node1,node2, --hostfile FILE or --cluster FILE");
  const system::RunDirectory folder;
  const hosts::SshCommand ssh(list.ssh, folder.path(), environment);
  hosts::SurveyRequest request;
  request.yoke = yoke_on_hosts(options.flags);
  request.model = path_on_hosts(options.model);
  request.cache_dir = options.cache_dir;
  request.speed = speed_question(options.model, 0, options.flags.weights.kind == WeightsFlag::Kind::anew);
  const hosts::Examination examination = examine(options, list, {environment, ssh, request});
  const hosts::Diagnosis diagnosis = judge(examination);
  fmt::print("{}", options.json ? doctor_json(examination, diagnosis) : doctor_text(examination, diagnosis));
  return diagnosis.sound() ? 0 : 1;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand("doctor", "Say what is wrong with a list of hosts, and what helps");
  add_host_flags(*command, options->flags);
  command->add_option("-m,--model", options->model, "GGUF file that the hosts are to run");
  add_number(*command, "--ctx", options->engine.context, whole_number_check(1, 2147483647),
             "Positions of the context (default: what the model was trained for)");
  add_kv_type(*command, options->engine.kv_type);
  command->add_option("--cache-dir", options->cache_dir, "Folder for packed weights on the hosts")
      ->type_name("DIR");
  command->add_flag("--no-transfers", options->no_transfers,
                    "Ask the hosts only, measure nothing between them");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Each line is ok, a warning or a failure with its remedy. Transfers use the ports of a run, both ways\n"
      "between all hosts. The exit code is 0 if nothing has failed.\n\n"
      "Examples:\n"
      "  yoke doctor -H node1,node2\n"
      "  yoke doctor -H node1,ann@node2 -m model.gguf --cache-dir ~/.cache/yoke");
  command->callback([options, &action] { action = [options] { return doctor(*options); }; });
}

}  // namespace yoke::cli
