// Starts an engine on several machines: mpirun on this one, ssh to the others.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/hosts_command.h"
#include "cluster/protocol.h"
#include "hosts/ssh.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"
#include "system/environment.h"
#include "system/run_directory.h"

namespace yoke::cluster {

/// A machine of the list, and what ranks on it are to be that follow each other.
struct LaunchHost {
  hosts::Host host;              // how ssh reaches it, and how many ranks it has
  std::string name;              // as the machine calls itself, for people
  std::string address;           // IPv4, in the network of the job
  std::string yoke;              // path of the program there
  runtime::HostOptions options;  // of each of its ranks
};

struct HostsLaunch {
  runtime::EngineOptions engine;
  std::vector<LaunchHost> hosts;  // ranks are numbered in this order; a machine may stand in several places;
                                  // at least one
  std::string network;            // CIDR that all addresses are in
  std::string starter_network;  // CIDR by which they reach this machine, where it is another one; else empty
  bool starts_here = false;     // the first machine is this one, with this file system
  std::string run;              // its name
  std::string run_folder;       // on every machine; it has the key of the links
  int daemon_port = 0;          // of TCP, on every machine and here
  Transport transport = Transport::tcp;
  std::vector<std::string> mpi_args;
  bool shares_cores = false;  // more threads than cores on some machine
  bool verbose = false;       // what ssh and mpirun say goes to standard error, too
  std::function<void(std::string_view reached)> stage{};  // as MeetingOptions has it
};

/// What the launch executes, for people who want to see it first.
struct HostsCommands {
  std::string agent;  // the script behind mpirun's plm_rsh_agent
  std::vector<std::string>
      forward;  // leads this machine's socket to the first one; empty where that is this one
  std::vector<std::string> mpirun;
};
/// `folder` is this machine's own for the run. Throws Error where there is no mpirun.
HostsCommands hosts_commands(const HostsLaunch& launch, const hosts::SshCommand& ssh,
                             const std::filesystem::path& folder, const system::Environment& environment);

/// Starts the ranks and returns once the model is loaded; `progress` (may be empty) is called meanwhile, in
/// this thread, which has to live as long as the engine. `folder` holds the sockets of `ssh`. Throws Error
/// with the one sentence to show.
std::unique_ptr<runtime::Engine> launch_on_hosts(const HostsLaunch& launch, const hosts::SshCommand& ssh,
                                                 std::unique_ptr<system::RunDirectory> folder,
                                                 FileDescriptor sweeper,
                                                 const system::Environment& environment,
                                                 const std::function<void(const GroupProgress&)>& progress);

}  // namespace yoke::cluster
