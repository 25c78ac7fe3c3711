#include "cli/host_start.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "cli/host_answers.h"
#include "cli/host_needs.h"
#include "cli/host_shares.h"
#include "cluster/hosts_launcher.h"
#include "hosts/abandoned_runs.h"
#include "hosts/daemon_port.h"
#include "hosts/doctor.h"
#include "hosts/regroup.h"
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

// What is left of those before goes in the end, too: abandoned_runs.h.
constexpr std::size_t most_former_runs = 16;

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

std::vector<hosts::Host> hosts_of(const std::vector<hosts::SurveyedHost>& surveyed) {
  std::vector<hosts::Host> hosts;
  for (const hosts::SurveyedHost& each : surveyed) hosts.push_back(each.host);
  return hosts;
}

/// What each of a host's ranks is to be, of so many: what its list says, else what is common to all. Threads
/// are those of as many ranks as the host was to have.
runtime::HostOptions options_on(const hosts::SurveyedHost& surveyed, const hosts::SurveyRequest& request,
                                const runtime::HostOptions& common, int ranks) {
  const hosts::Host& host = surveyed.host;
  runtime::HostOptions options = common;
  options.model = host.model.empty() ? request.model : host.model;
  options.cache_dir = host.cache_dir.empty() ? request.cache_dir : host.cache_dir;
  if (host.threads > 0) options.threads = host.threads;
  if (host.memory > 0) options.memory = host.memory;
  if (options.threads > 0 && ranks > host.slots)
    options.threads = std::max(1, options.threads * host.slots / ranks);
  return options;
}

hosts::TransportChoice transport_of(const hosts::Diagnosis& diagnosis, const HostFlags& flags) {
  if (flags.transport == "auto") return diagnosis.transport;
  return {flags.transport == "ucx" ? hosts::Transport::ucx : hosts::Transport::tcp, "--transport says so",
          ""};
}

std::string describe(const hosts::TransportChoice& choice) {
  return fmt::format("messages go by {}, for {}", name_of(choice.transport), choice.why);
}

/// Says which hosts read their parts of the model from which other, if any do.
void tell_who_reads_from_whom(const std::vector<hosts::SurveyedHost>& surveyed) {
  const auto has = [](const hosts::SurveyedHost& each) { return each.survey && each.survey->model.readable; };
  const auto source = std::find_if(surveyed.begin(), surveyed.end(), has);
  std::vector<std::string> readers;
  for (const hosts::SurveyedHost& each : surveyed)
    if (each.survey && each.survey->model.absent) readers.push_back(each.host.name);
  if (readers.empty()) return;
  if (source == surveyed.end()) {
    terminal::tell("no host has the model's file: its parts come from the hosts that keep them\n");
    return;
  }
  terminal::tell("{} {} no copy of the model: what is not kept there comes from {}\n",
                 fmt::join(readers, ", "), readers.size() == 1 ? "has" : "have", source->host.name);
}

/// Free on every host, and here, where mpirun runs.
int daemon_port_of(const HostAnswers& answers) {
  std::vector<int> in_use = hosts::ports_in_use(hosts::daemon_ports);
  for (const hosts::SurveyedHost& each : answers.surveyed) {
    if (!each.survey) continue;
    const std::vector<int>& there = each.survey->daemon_ports_in_use;
    in_use.insert(in_use.end(), there.begin(), there.end());
  }
  return hosts::choose_daemon_port(answers.request.run, in_use);
}

const std::string& address_of(const hosts::Diagnosis& diagnosis, std::size_t host) {
  const auto member = std::find(diagnosis.members.begin(), diagnosis.members.end(), host);
  return diagnosis.network->members.at(static_cast<std::size_t>(member - diagnosis.members.begin())).address;
}

/// Which host each rank is on, in rank order.
using Places = std::vector<std::size_t>;

/// Where all have what they were to have.
Places places_of(const std::vector<hosts::SurveyedHost>& surveyed) {
  Places places;
  for (std::size_t i = 0; i < surveyed.size(); ++i)
    places.insert(places.end(), static_cast<std::size_t>(surveyed[i].host.slots), i);
  return places;
}

/// The ranks that follow each other on one host are one entry.
std::vector<cluster::LaunchHost> launch_hosts(const HostAnswers& answers, const hosts::Diagnosis& diagnosis,
                                              const Places& places, const runtime::HostOptions& common) {
  std::vector<cluster::LaunchHost> hosts;
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    const std::size_t place = places[rank];
    if (rank > 0 && places[rank - 1] == place) {
      ++hosts.back().host.slots;
      continue;
    }
    const hosts::SurveyedHost& each = answers.surveyed[place];
    const auto ranks = static_cast<int>(std::count(places.begin(), places.end(), place));
    hosts.push_back({each.host, each.survey->host, address_of(diagnosis, place),
                     hosts::yoke_on(each.host, answers.request),
                     options_on(each, answers.request, common, ranks)});
    hosts.back().host.slots = 1;
  }
  return hosts;
}

bool shares_cores(const HostAnswers& answers, const Places& places, const runtime::HostOptions& common) {
  return std::any_of(places.begin(), places.end(), [&](std::size_t place) {
    const hosts::SurveyedHost& each = answers.surveyed[place];
    const auto ranks = static_cast<int>(std::count(places.begin(), places.end(), place));
    return ranks * std::max(1, options_on(each, answers.request, common, ranks).threads) > each.survey->cores;
  });
}

/// What is to be cleared on every host that has answered.
hosts::Sweep sweep_of(const HostAnswers& answers, const std::string& ssh, const std::string& folder) {
  hosts::Sweep sweep{ssh, answers.request.run, folder, {}};
  for (const hosts::SurveyedHost& each : answers.surveyed) {
    if (!each.survey) continue;
    sweep.hosts.push_back(each.host);
    sweep.hosts.back().yoke = hosts::yoke_on(each.host, answers.request);
  }
  return sweep;
}

/// The daemon of this machine, where no rank is, keeps its files in the same folder as those of the hosts.
void make_own_folder(const hosts::SurveyRequest& request) {
  hosts::remove_abandoned_runs();
  hosts::make_run_folder(request.run, request.key);
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

/// One start, with connections, a folder and a run of its own.
struct HostStarter::Attempt {
  Attempt(const std::string& command, const system::Environment& environment, bool tells)
      : ssh(command, folder->path(), environment), clock(tells) {}

  std::unique_ptr<system::RunDirectory> folder = std::make_unique<system::RunDirectory>();
  hosts::SshCommand ssh;
  StageClock clock;
  std::int64_t began = seconds_now();
  HostAnswers answers{};
  hosts::Diagnosis diagnosis{};
  FileDescriptor sweeper{};
};

HostStarter::HostStarter(HostFlags flags, const runtime::EngineOptions& engine, runtime::HostOptions host)
    : flags_(std::move(flags)),
      engine_(engine),
      host_(std::move(host)),
      environment_(system::current_environment()) {}

std::unique_ptr<runtime::Engine> HostStarter::start(const Progress& progress) {
  list_ = read_hosts(flags_, environment_);
  Attempt attempt(list_.ssh, environment_, flags_.verbose);
  {
    terminal::StatusLine line;
    const std::size_t n = list_.hosts.size();
    line.show(fmt::format("asking {} host{}", n, n == 1 ? "" : "s"));
    ask(attempt, speed_question(host_.model, host_.threads, flags_.weights.kind == WeightsFlag::Kind::anew));
    list_.hosts = hosts_of(attempt.answers.surveyed);
    divide_work(attempt);
    attempt.diagnosis =
        judge(attempt.answers, list_.network, memory_needs(list_.hosts, host_.model, engine_));
  }
  if (!attempt.diagnosis.sound()) fail("{}", sentence_of(attempt.diagnosis));
  list_.network = attempt.diagnosis.network->cidr;
  for (const hosts::SurveyedHost& each : attempt.answers.surveyed) names_.push_back(each.survey->host);
  if (!flags_.dry_run) tell_who_reads_from_whom(attempt.answers.surveyed);
  return launch(attempt, places_of(attempt.answers.surveyed), engine_, progress);
}

std::unique_ptr<runtime::Engine> HostStarter::start_again() {
  Attempt attempt(list_.ssh, environment_, flags_.verbose);
  ask(attempt, {});
  attempt.diagnosis = judge(attempt.answers, list_.network, {});
  const std::vector<std::size_t> fit = attempt.diagnosis.fit(attempt.answers.surveyed);
  if (fit.empty()) fail("{}", sentence_of(attempt.diagnosis));
  require(attempt.diagnosis.network.has_value(), "the machines that are left share no network any more");
  std::vector<hosts::Member> members;
  for (std::size_t i = 0; i < list_.hosts.size(); ++i) {
    const bool answers = std::find(fit.begin(), fit.end(), i) != fit.end();
    members.push_back({names_[i], list_.hosts[i].slots, answers, memory_of(attempt.answers.surveyed[i])});
  }
  const hosts::ShareNeeds needs = share_needs(host_.model, engine_);
  hosts::Grouping grouping = hosts::regroup(members, [&](const std::vector<std::size_t>& ranks) {
    return needs(shares_of(engine_of(ranks), ranks.size()));
  });
  auto engine = launch(attempt, grouping.machine_of_rank, engine_of(grouping.ranks), {});
  change_ = std::move(grouping.change);
  return engine;
}

/// By what the hosts have answered.
void HostStarter::divide_work(const Attempt& attempt) {
  const HostShares shares = divide(attempt.answers.surveyed, host_.model, engine_);
  engine_.shares = shares.of_ranks();
  if (const std::string advice = shares.advice(list_.hosts); !advice.empty()) terminal::tell("{}\n", advice);
  if (!flags_.verbose) return;
  for (std::size_t i = 0; i < list_.hosts.size(); ++i)
    terminal::tell("{} does {}\n", list_.hosts[i].name, shares.describe(i));
}

/// Where there are only these ranks of the first start, each as fast as it was then.
runtime::EngineOptions HostStarter::engine_of(const std::vector<std::size_t>& ranks) const {
  runtime::EngineOptions engine = engine_;
  if (engine.shares.empty()) return engine;
  engine.shares.clear();
  for (const std::size_t rank : ranks) engine.shares.push_back(engine_.shares.at(rank));
  return engine;
}

/// What is left of the runs before goes first. From here on there are folders on the hosts, which go however
/// this process ends.
void HostStarter::ask(Attempt& attempt, hosts::SpeedQuestion speed) {
  run_ = hosts::make_run_name();
  const hosts::SurveyRequest request{yoke_on_hosts(flags_),
                                     path_on_hosts(host_.model),
                                     path_on_hosts(host_.cache_dir),
                                     run_,
                                     hosts::make_key(),
                                     former_runs_,
                                     std::move(speed)};
  attempt.answers = ask_hosts(list_.hosts, request, attempt.ssh, environment_);
  const auto& surveyed = attempt.answers.surveyed;
  if (std::all_of(surveyed.begin(), surveyed.end(), [](const auto& each) { return each.survey.has_value(); }))
    former_runs_.clear();
  former_runs_.push_back(run_);
  if (former_runs_.size() > most_former_runs) former_runs_.erase(former_runs_.begin());
  attempt.sweeper = hosts::start_sweeper(
      own_path(), sweep_of(attempt.answers, list_.ssh, attempt.folder->path().native()), environment_);
  attempt.clock.reach("the hosts have answered");
}

std::unique_ptr<runtime::Engine> HostStarter::launch(Attempt& attempt, const Places& places,
                                                     const runtime::EngineOptions& engine,
                                                     const Progress& progress) {
  const hosts::TransportChoice transport = transport_of(attempt.diagnosis, flags_);
  cluster::HostsLaunch launch;
  launch.engine = engine;
  launch.hosts = launch_hosts(attempt.answers, attempt.diagnosis, places, host_);
  launch.network = attempt.diagnosis.network->cidr;
  launch.starter_network = hosts::starter_network(launch.network, launch.hosts.front().address);
  launch.starts_here = attempt.answers.surveyed[places.front()].is_here;
  launch.run = run_;
  launch.run_folder = hosts::run_folder(run_).native();
  launch.daemon_port = daemon_port_of(attempt.answers);
  launch.transport = transport.transport;
  launch.mpi_args = hosts::split_words(flags_.mpi_args);
  launch.shares_cores = shares_cores(attempt.answers, places, host_);
  launch.verbose = flags_.verbose;
  launch.stage = [&attempt](std::string_view stage) { attempt.clock.reach(stage); };
  if (flags_.dry_run) {
    fmt::print("# {}\n", describe(transport));
    print_commands(cluster::hosts_commands(launch, attempt.ssh, attempt.folder->path(), environment_));
    return nullptr;
  }
  if (flags_.verbose) terminal::tell("{}\n", describe(transport));
  if (!launch.starts_here) make_own_folder(attempt.answers.request);
  require_fresh(attempt.began);
  return cluster::launch_on_hosts(launch, attempt.ssh, std::move(attempt.folder), std::move(attempt.sweeper),
                                  environment_, progress);
}

}  // namespace yoke::cli
