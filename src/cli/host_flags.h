// The flags by which a command is told on which machines to work.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "hosts/cluster_file.h"
#include "system/environment.h"

namespace yoke::cli {

struct HostFlags {
  std::string hosts;     // -H
  std::string hostfile;  // --hostfile
  std::string cluster;   // --cluster
  std::string network;   // --network
  std::string ssh;       // --ssh
  std::string yoke;      // --yoke
};

/// Adds -H, --hostfile, --cluster, --network, --ssh and --yoke.
void add_host_flags(CLI::App& command, HostFlags& flags);

/// The list that the flags name, or the user's own cluster file where they name none and it exists; flags go
/// before what a file says. No hosts where there is no list. Throws Error.
hosts::HostList read_hosts(const HostFlags& flags, const system::Environment& environment);

/// The path of this program on hosts that have no other of their own: --yoke, or its path here.
std::string yoke_on_hosts(const HostFlags& flags);

/// A file's path for other hosts: absolute where the file is here, else as it is given, which ssh takes from
/// the home folder on.
std::string path_on_hosts(const std::string& path);

}  // namespace yoke::cli
