#include "cluster/hosts_launcher.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "base/error.h"
#include "cluster/agent_script.h"
#include "cluster/engine_meeting.h"
#include "cluster/mpi_start.h"
#include "cluster/mpirun.h"
#include "hosts/ports.h"
#include "hosts/start_trouble.h"
#include "system/socket.h"

namespace yoke::cluster {

namespace {

namespace fs = std::filesystem;

// A firewall between machines makes mpirun wait for ever.
constexpr std::chrono::seconds connection_patience{9};
constexpr std::chrono::seconds meeting_patience{10};
constexpr std::chrono::milliseconds look_patience{2500};

fs::path agent_path(const fs::path& folder) { return folder / "agent"; }

/// Where rank 0 finds the starter, and where that listens if it is another machine.
std::string engine_socket(const HostsLaunch& launch) { return launch.run_folder + "/engine.socket"; }
fs::path starter_socket(const HostsLaunch& launch, const fs::path& folder) {
  return launch.starts_here ? fs::path(engine_socket(launch)) : folder / "engine.socket";
}

std::string agent_of(const HostsLaunch& launch, const hosts::SshCommand& ssh) {
  std::vector<AgentHost> machines;
  for (const LaunchHost& host : launch.hosts) machines.push_back({host.address, host.host});
  return agent_script(ssh, machines);
}

/// A call of ssh for the forwarded socket alone, which ends with it: on a shared connection it would outlive
/// it.
std::vector<std::string> forward_of(const HostsLaunch& launch, const hosts::SshCommand& ssh,
                                    const fs::path& folder) {
  if (launch.starts_here) return {};
  return ssh.forward(launch.hosts.front().host, engine_socket(launch), starter_socket(launch, folder));
}

HostsJob job_of(const HostsLaunch& launch, const fs::path& folder, const system::Environment& environment) {
  HostsJob job;
  job.mpirun = find_mpirun(environment);
  job.major_version = ask_mpirun_version(job.mpirun, environment);
  job.as_root = ::geteuid() == 0;
  for (const LaunchHost& host : launch.hosts) job.hosts.push_back({host.address, host.host.slots, host.yoke});
  job.network = launch.network;
  job.starter_network = launch.starter_network;
  // The daemons look for the agent's first word, too, on machines that do not have the script.
  job.agent = "/bin/sh " + agent_path(folder).native();
  job.run_folder = launch.run_folder;
  job.daemon_port = launch.daemon_port;
  job.transport = launch.transport;
  job.cores_shared = launch.shares_cores;
  job.extra = launch.mpi_args;
  return job;
}

void write_agent(const fs::path& path, const std::string& script) {
  std::ofstream file(path);
  file << script;
  file.close();
  require(file.good(), "cannot write {}: {}", path.native(), last_system_error());
}

MeetingOptions meeting_of(const HostsLaunch& launch) {
  MeetingOptions options;
  options.start.engine = launch.engine;
  for (const LaunchHost& host : launch.hosts)
    options.start.hosts.insert(options.start.hosts.end(), static_cast<std::size_t>(host.host.slots),
                               host.options);
  options.connection = connection_patience;
  options.late = fmt::format(
      "the machines did not come together within {} seconds: is there a firewall between them? They must "
      "reach each other and this machine on TCP ports {}, {}-{} and {}-{} (yoke doctor -H … finds out)",
      connection_patience.count(), launch.daemon_port, hosts::link_ports.first, hosts::link_ports.last,
      hosts::message_ports.first, hosts::message_ports.last);
  options.helper_trouble = fmt::format(
      "ssh cannot lead the engine's socket on {} to this machine (sshd there must allow "
      "AllowStreamLocalForwarding; or start on the first machine of the list)",
      launch.hosts.front().host.name);
  options.timing.meeting = meeting_patience;
  return options;
}

JobMachines machines_of(const HostsLaunch& launch) {
  JobMachines machines;
  for (const LaunchHost& host : launch.hosts) {
    machines.names[host.address] = host.name;
    machines.of_ranks.insert(machines.of_ranks.end(), static_cast<std::size_t>(host.host.slots), host.name);
  }
  return machines;
}

/// What keeps the ranks apart, as far as their machines tell.
std::string find_trouble(const HostsLaunch& launch, const hosts::SshCommand& ssh,
                         const system::Environment& environment) {
  hosts::SurveyRequest request;
  request.run = launch.run;
  std::vector<hosts::NamedHost> machines;
  for (const LaunchHost& host : launch.hosts) {
    machines.push_back({host.host, host.name});
    machines.back().host.yoke = host.yoke;
  }
  return hosts::find_start_trouble(machines, request, ssh, environment, look_patience);
}

}  // namespace

HostsCommands hosts_commands(const HostsLaunch& launch, const hosts::SshCommand& ssh, const fs::path& folder,
                             const system::Environment& environment) {
  const std::vector<std::string> engine{"engine", "--socket", engine_socket(launch), "--key-file",
                                        launch.run_folder + "/key"};
  return {agent_of(launch, ssh), forward_of(launch, ssh, folder),
          hosts_command(job_of(launch, folder, environment), engine)};
}

std::unique_ptr<runtime::Engine> launch_on_hosts(const HostsLaunch& launch, const hosts::SshCommand& ssh,
                                                 std::unique_ptr<system::RunDirectory> folder,
                                                 FileDescriptor sweeper, const system::Environment& given,
                                                 const std::function<void(const GroupProgress&)>& progress) {
  const system::Environment environment = without_job(given);
  const HostsCommands commands = hosts_commands(launch, ssh, folder->path(), environment);
  write_agent(agent_path(folder->path()), commands.agent);
  const FileDescriptor listener = system::listen_unix(starter_socket(launch, folder->path()));
  EngineJobOptions job;
  job.helper = commands.forward;
  job.machines = machines_of(launch);
  job.verbose = launch.verbose;
  job.last_will = std::move(sweeper);
  MeetingOptions meeting = meeting_of(launch);
  meeting.stage = launch.stage;
  meeting.look = [&] { return find_trouble(launch, ssh, environment); };
  return meet_engine(
      listener, std::make_unique<EngineJob>(std::move(folder), commands.mpirun, environment, std::move(job)),
      meeting, progress);
}

}  // namespace yoke::cluster
