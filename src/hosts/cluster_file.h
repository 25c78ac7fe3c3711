// A cluster's description in TOML (https://toml.io/en/v1.0.0): which hosts it has and what belongs to each.
//
//   network = "10.0.0.0/24"              # where they speak to each other
//   user = "ann"                         # of all hosts that do not say otherwise; so are yoke, cache_dir,
//   yoke = "/opt/yoke/bin/yoke"          # model, threads, memory and weight
//   hosts = ["node1", "node2:2"]         # as behind -H, or instead of it tables:
//
//   [[hosts]]
//   name = "node3"
//   slots = 2
//   memory = "64GB"
//
// Keys that are commands (ssh) are taken from the user's own configuration alone: a file that came with a
// download must not run anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hosts/host_list.h"
#include "system/environment.h"

namespace yoke::hosts {

struct HostList {
  std::vector<Host> hosts;
  std::string network;  // CIDR; empty: to be found
  std::string ssh;      // command; empty: ssh
};

/// Whose word a file has. The user's own configuration belongs to the user and nobody else can write it.
enum class Trust { own_configuration, anybody };

/// `path` is for sentences. Throws Error: for what is no TOML, keys that are unknown or not for files of this
/// trust, weights of some hosts and not of others, values of another type or out of range, and as
/// parse_hosts() does.
HostList parse_cluster_file(std::string_view text, Trust trust, const std::string& path);

/// The same from a file, after looking whose it is where it is to be trusted.
HostList read_cluster_file(const std::string& path, Trust trust);

/// $XDG_CONFIG_HOME/yoke/cluster.toml or ~/.config/yoke/cluster.toml; empty where neither variable is set.
/// The file need not exist.
std::string own_cluster_file(const system::Environment& environment);

}  // namespace yoke::hosts
