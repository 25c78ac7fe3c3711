// The flags by which a command is told on which machines to work, and how these are reached.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

#include "cli/weights_flag.h"
#include "hosts/cluster_file.h"
#include "system/environment.h"

namespace yoke::cli {

struct HostFlags {
  // Where the list of hosts comes from: at most one of these is given.
  std::string hosts;                   // -H
  std::string hostfile;                // --hostfile
  std::optional<std::string> cluster;  // --cluster; empty: the user's own cluster file

  WeightsFlag weights;

  std::string network;  // CIDR; empty: the one that all hosts share
  std::string ssh;      // command with its options; empty: the cluster file's, or ssh
  std::string yoke;     // path of the program on every host; empty: the cluster file's, or this one's
  std::string transport = "auto";  // tcp, ucx or auto
  std::string mpi_args;            // words for mpirun
  bool dry_run = false;            // print commands and start nothing
  bool verbose = false;            // show what ssh and mpirun say

  bool given() const { return !hosts.empty() || !hostfile.empty() || cluster.has_value(); }
};

/// Adds -H, --hostfile, --cluster, --weights, --network, --ssh and --yoke: all that asking hosts takes.
void add_host_flags(CLI::App& command, HostFlags& flags);
/// Adds --transport, --mpi-args, --dry-run and -v, for commands that start mpirun.
void add_mpi_flags(CLI::App& command, HostFlags& flags);

/// Throws UsageError for flags that mean nothing without a list of hosts, where there is none.
void require_hosts(const HostFlags& flags);

/// The list that the flags name, or the user's own cluster file where they name none and it exists; flags go
/// before what a file says. No hosts where there is no list. Throws Error.
hosts::HostList read_hosts(const HostFlags& flags, const system::Environment& environment);

/// The path of this program on hosts that have no other of their own: --yoke, or its path here.
std::string yoke_on_hosts(const HostFlags& flags);

/// A file's path for other hosts: absolute where the file is here, else as it is given, which ssh takes from
/// the home folder on.
std::string path_on_hosts(const std::string& path);

}  // namespace yoke::cli
