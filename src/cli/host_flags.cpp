#include "cli/host_flags.h"

#include <filesystem>
#include <initializer_list>
#include <utility>

#include "base/error.h"
#include "cli/usage.h"
#include "system/cidr.h"

namespace yoke::cli {
namespace {

namespace fs = std::filesystem;

hosts::HostList read_cluster(const std::string& path, const std::string& own) {
  std::error_code error;
  const bool is_own = !own.empty() && fs::equivalent(path, own, error) && !error;
  return hosts::read_cluster_file(path, is_own ? hosts::Trust::own_configuration : hosts::Trust::anybody);
}

hosts::HostList read_list(const HostFlags& flags, const std::string& own) {
  std::error_code error;
  if (!flags.hosts.empty()) return {hosts::parse_hosts(flags.hosts), "", ""};
  if (!flags.hostfile.empty()) return {hosts::read_hostfile(flags.hostfile), "", ""};
  if (flags.cluster && !flags.cluster->empty()) return read_cluster(*flags.cluster, own);
  const bool there = !own.empty() && fs::exists(own, error);
  require(there || !flags.cluster, "--cluster without a file takes {}, which is not there",
          own.empty() ? "~/.config/yoke/cluster.toml" : own);
  return there ? read_cluster(own, own) : hosts::HostList{};
}

/// A sentence of a parser's is a wrong command line.
CLI::Validator check_of(void (*parse)(const std::string&)) {
  return {[parse](const std::string& given) {
            try {
              parse(given);
            } catch (const Error& error) {
              return std::string(error.what());
            }
            return std::string();
          },
          ""};
}

/// -H, --hostfile, --cluster and what they are divided by.
void add_list_flags(CLI::App& command, HostFlags& flags) {
  CLI::Option* list =
      command.add_option("-H,--hosts", flags.hosts, "Hosts: node1,node2:2 (:2 for two ranks)")
          ->type_name("LIST")
          ->check(check_of([](const std::string& text) { hosts::parse_hosts(text); }));
  CLI::Option* file =
      command
          .add_option("--hostfile", flags.hostfile, "File with a host on each line (host slots=2), as MPI's")
          ->type_name("FILE")
          ->excludes(list);
  command
      .add_option_function<std::string>(
          "--cluster", [&flags](const std::string& path) { flags.cluster = path; },
          "TOML file with hosts and what belongs to each (without FILE: ~/.config/yoke/cluster.toml)")
      ->type_name("FILE")
      ->expected(0, 1)
      ->trigger_on_parse()
      ->excludes(list)
      ->excludes(file);
  add_weights(command, flags.weights);
}

}  // namespace

void add_host_flags(CLI::App& command, HostFlags& flags) {
  add_list_flags(command, flags);
  command
      .add_option("--network", flags.network,
                  "Network that the hosts use (default: the fastest that they share)")
      ->type_name("CIDR")
      ->check(check_of([](const std::string& text) { system::parse_cidr(text); }));
  command.add_option("--ssh", flags.ssh, "What to call in place of ssh: \"ssh -p 2222\"")
      ->type_name("COMMAND");
  command.add_option("--yoke", flags.yoke, "Path of yoke on the hosts (default: as here)")->type_name("PATH");
}

void add_mpi_flags(CLI::App& command, HostFlags& flags) {
  command
      .add_option(
          "--transport", flags.transport,
          "What carries messages: tcp; ucx (RDMA); auto: ucx where every host has RDMA, and -v says why")
      ->check(choice_check({"auto", "tcp", "ucx"}))
      ->capture_default_str();
  command.add_option("--mpi-args", flags.mpi_args, "Further arguments of mpirun, separated by spaces")
      ->type_name("ARGS");
  command.add_flag("--dry-run", flags.dry_run,
                   "Print the commands that would start the ranks, and start nothing");
  command.add_flag("-v,--verbose", flags.verbose,
                   "Show also what ssh and mpirun say, and how long each stage of the start takes");
}

void require_hosts(const HostFlags& flags) {
  if (flags.given()) return;
  const std::initializer_list<std::pair<const char*, bool>> needing{
      {"--ssh", !flags.ssh.empty()},
      {"--yoke", !flags.yoke.empty()},
      {"--mpi-args", !flags.mpi_args.empty()},
      {"--dry-run", flags.dry_run},
      {"--transport", flags.transport != "auto"}};
  for (const auto& [flag, is_given] : needing)
    if (is_given) throw UsageError(std::string(flag) + " needs a list of hosts: -H, --hostfile or --cluster");
}

hosts::HostList read_hosts(const HostFlags& flags, const system::Environment& environment) {
  hosts::HostList list = read_list(flags, hosts::own_cluster_file(environment));
  if (!flags.network.empty()) list.network = flags.network;
  if (!flags.ssh.empty()) list.ssh = flags.ssh;
  if (!flags.yoke.empty())
    for (hosts::Host& host : list.hosts) host.yoke = flags.yoke;
  if (!list.hosts.empty()) give_weights(flags.weights, list.hosts);
  return list;
}

std::string yoke_on_hosts(const HostFlags& flags) {
  if (!flags.yoke.empty()) return flags.yoke;
  std::error_code error;
  const fs::path here = fs::canonical("/proc/self/exe", error);
  require(!error, "cannot tell where this program is: {}", error.message());
  return here.native();
}

std::string path_on_hosts(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) ? fs::canonical(path, error).native() : path;
}

}  // namespace yoke::cli
