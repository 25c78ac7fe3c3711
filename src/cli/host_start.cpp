#include "cli/host_start.h"

#include <fmt/core.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "cli/host_needs.h"
#include "cluster/hosts_launcher.h"
#include "hosts/abandoned_runs.h"
#include "hosts/daemon_port.h"
#include "hosts/doctor.h"
#include "hosts/run_folder.h"
#include "hosts/starter_network.h"
#include "hosts/survey_hosts.h"
#include "hosts/sweep.h"
#include "system/run_directory.h"
#include "terminal/status_line.h"
#include "terminal/tell.h"

namespace yoke::cli {

namespace {

namespace fs = std::filesystem;

/// The file behind /proc/self/exe.
std::string own_path() { return fs::canonical("/proc/self/exe").native(); }

/// Of a clock that goes on while this process or the whole machine is stopped.
std::int64_t seconds_now() {
  timespec clock{};
  ::clock_gettime(CLOCK_BOOTTIME, &clock);
  return clock.tv_sec;
}

/// With -v tells how long each stage of a start has taken.
class StageClock {
 public:
  explicit StageClock(bool tells) : tells_(tells) {}

  void reach(std::string_view stage) {
    const auto now = Clock::now();
    const std::chrono::duration<double> taken = now - std::exchange(last_, now);
    if (tells_) terminal::tell("{:.2f} s until {}\n", taken.count(), stage);
  }

 private:
  using Clock = std::chrono::steady_clock;
  const bool tells_;
  Clock::time_point last_ = Clock::now();
};

/// What a start has asked the hosts and knows of them.
struct Asked {
  hosts::HostList list;
  hosts::SurveyRequest request;
  std::vector<hosts::SurveyedHost> surveyed;  // the starter first, if it is among them
  hosts::Diagnosis diagnosis;
};

/// Rank 0 has the starter's socket, and every token passes there: best on one machine.
void put_this_machine_first(std::vector<hosts::SurveyedHost>& hosts) {
  const auto here = std::find_if(hosts.begin(), hosts.end(), [](const auto& host) { return host.is_here; });
  if (here != hosts.end()) std::rotate(hosts.begin(), here, here + 1);
}

std::vector<hosts::Host> hosts_of(const std::vector<hosts::SurveyedHost>& surveyed) {
  std::vector<hosts::Host> hosts;
  for (const hosts::SurveyedHost& each : surveyed) hosts.push_back(each.host);
  return hosts;
}

/// The first failure as a sentence with its remedy. How many others there are is told, not which.
std::string sentence_of(const hosts::Diagnosis& diagnosis) {
  std::vector<const hosts::Finding*> failures;
  for (const hosts::Finding& finding : diagnosis.findings)
    if (finding.level == hosts::Level::failure) failures.push_back(&finding);
  const hosts::Finding& first = *failures.front();
  std::string sentence = first.sentence;
  if (!first.host.empty() && sentence.find(first.host) == std::string::npos)
    sentence = first.host + ": " + sentence;
  if (!first.remedy.empty()) sentence += " (" + first.remedy + ")";
  if (failures.size() > 1)
    sentence += fmt::format("; {} more {} wrong, which yoke doctor tells", failures.size() - 1,
                            failures.size() == 2 ? "thing is" : "things are");
  return sentence;
}

Asked ask_hosts(const HostFlags& flags, const runtime::EngineOptions& engine,
                const runtime::HostOptions& host, const hosts::SshCommand& ssh, hosts::HostList list,
                const system::Environment& environment, bool shows) {
  Asked asked;
  asked.list = std::move(list);
  asked.request = {yoke_on_hosts(flags), path_on_hosts(host.model), path_on_hosts(host.cache_dir),
                   hosts::make_run_name(), hosts::make_key()};
  const std::size_t n = asked.list.hosts.size();
  terminal::StatusLine line;
  if (shows) line.show(fmt::format("asking {} host{}", n, n == 1 ? "" : "s"));
  asked.surveyed = hosts::survey_hosts(asked.list.hosts, asked.request, ssh, environment);
  put_this_machine_first(asked.surveyed);
  hosts::Examination examination;
  examination.hosts = asked.surveyed;
  examination.need = memory_needs(hosts_of(asked.surveyed), host.model, engine);
  examination.network = asked.list.network;
  asked.diagnosis = hosts::judge_short(examination);
  return asked;
}

/// What each of a host's ranks is to be: what its list says, else what is common to all.
runtime::HostOptions options_on(const hosts::SurveyedHost& surveyed, const hosts::SurveyRequest& request,
                                const runtime::HostOptions& common) {
  const hosts::Host& host = surveyed.host;
  runtime::HostOptions options = common;
  options.model = host.model.empty() ? request.model : host.model;
  options.cache_dir = host.cache_dir.empty() ? request.cache_dir : host.cache_dir;
  if (host.threads > 0) options.threads = host.threads;
  if (host.memory > 0) options.memory = host.memory;
  return options;
}

hosts::TransportChoice transport_of(const Asked& asked, const HostFlags& flags) {
  if (flags.transport == "auto") return asked.diagnosis.transport;
  return {flags.transport == "ucx" ? hosts::Transport::ucx : hosts::Transport::tcp, "--transport says so",
          ""};
}

std::string describe(const hosts::TransportChoice& choice) {
  return fmt::format("messages go by {}, for {}", name_of(choice.transport), choice.why);
}

/// Free on every host, and here, where mpirun runs.
int daemon_port_of(const Asked& asked) {
  std::vector<int> in_use = hosts::listening_ports(hosts::daemon_ports);
  for (const hosts::SurveyedHost& each : asked.surveyed) {
    const std::vector<int>& there = each.survey->daemon_ports_in_use;
    in_use.insert(in_use.end(), there.begin(), there.end());
  }
  return hosts::choose_daemon_port(asked.request.run, in_use);
}

cluster::HostsLaunch launch_of(const Asked& asked, const HostFlags& flags,
                               const runtime::EngineOptions& engine, const runtime::HostOptions& common) {
  cluster::HostsLaunch launch;
  launch.engine = engine;
  launch.network = asked.diagnosis.network->cidr;
  launch.starts_here = asked.surveyed.front().is_here;
  launch.run = asked.request.run;
  launch.run_folder = hosts::run_folder(asked.request.run).native();
  launch.daemon_port = daemon_port_of(asked);
  launch.transport = transport_of(asked, flags).transport;
  launch.mpi_args = hosts::split_words(flags.mpi_args);
  launch.verbose = flags.verbose;
  for (std::size_t i = 0; i < asked.surveyed.size(); ++i) {
    const hosts::SurveyedHost& each = asked.surveyed[i];
    const runtime::HostOptions options = options_on(each, asked.request, common);
    launch.shares_cores |= each.host.slots * std::max(1, options.threads) > each.survey->cores;
    launch.hosts.push_back({each.host, each.survey->host, asked.diagnosis.network->members[i].address,
                            hosts::yoke_on(each.host, asked.request), options});
  }
  launch.starter_network = hosts::starter_network(launch.network, launch.hosts.front().address);
  return launch;
}

/// What is to be cleared on every host that has answered.
hosts::Sweep sweep_of(const Asked& asked, const std::string& folder) {
  hosts::Sweep sweep{asked.list.ssh, asked.request.run, folder, {}};
  for (const hosts::SurveyedHost& each : asked.surveyed) {
    if (!each.survey) continue;
    sweep.hosts.push_back(each.host);
    sweep.hosts.back().yoke = hosts::yoke_on(each.host, asked.request);
  }
  return sweep;
}

/// The daemon of this machine, where no rank is, keeps its files in the same folder as those of the hosts.
void make_own_folder(const Asked& asked) {
  if (asked.surveyed.front().is_here) return;
  hosts::remove_abandoned_runs();
  hosts::make_run_folder(asked.request.run, asked.request.key);
}

void require_fresh(std::int64_t asked) {
  require(
      seconds_now() - asked <= hosts::longest_start.count(),
      "{} seconds have passed since the hosts were asked, so their answers count no more: was this process "
      "stopped? Start it once more",
      seconds_now() - asked);
}

void print_commands(const cluster::HostsCommands& commands) {
  fmt::print("# what mpirun starts its daemons with (plm_rsh_agent)\n{}\n", commands.agent);
  if (!commands.forward.empty())
    fmt::print("# leads the first host's socket here\n{}\n\n", hosts::quote_for_shell(commands.forward));
  fmt::print("{}\n", hosts::quote_for_shell(commands.mpirun));
}

}  // namespace

std::unique_ptr<runtime::Engine> start_on_hosts(
    const HostFlags& flags, const runtime::EngineOptions& engine, const runtime::HostOptions& host,
    const std::function<void(const cluster::GroupProgress&)>& progress) {
  const system::Environment environment = system::current_environment();
  hosts::HostList list = read_hosts(flags, environment);
  auto folder = std::make_unique<system::RunDirectory>();
  const hosts::SshCommand ssh(list.ssh, folder->path(), environment);
  const std::int64_t began = seconds_now();
  StageClock clock(flags.verbose);
  const Asked asked =
      ask_hosts(flags, engine, host, ssh, std::move(list), environment, progress != nullptr);
  // From here on there are folders on the hosts, which go however this process ends.
  FileDescriptor sweeper =
      hosts::start_sweeper(own_path(), sweep_of(asked, folder->path().native()), environment);
  if (!asked.diagnosis.sound()) fail("{}", sentence_of(asked.diagnosis));
  clock.reach("the hosts have answered");
  cluster::HostsLaunch launch = launch_of(asked, flags, engine, host);
  if (flags.dry_run) {
    fmt::print("# {}\n", describe(transport_of(asked, flags)));
    print_commands(cluster::hosts_commands(launch, ssh, folder->path(), environment));
    return nullptr;
  }
  if (flags.verbose) terminal::tell("{}\n", describe(transport_of(asked, flags)));
  launch.stage = [&clock](std::string_view stage) { clock.reach(stage); };
  make_own_folder(asked);
  require_fresh(began);
  return cluster::launch_on_hosts(launch, ssh, std::move(folder), std::move(sweeper), environment, progress);
}

}  // namespace yoke::cli
