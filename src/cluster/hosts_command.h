// The mpirun command of a job on several machines.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hosts/transport.h"

namespace yoke::cluster {

using hosts::Transport;

/// A machine of the job.
struct JobHost {
  std::string address;  // IPv4, in the network of the job
  int slots = 1;        // ranks there
  std::string yoke;     // path of the program there
};

struct HostsJob {
  std::filesystem::path mpirun;
  int major_version = 4;  // of Open MPI
  bool as_root = false;
  std::vector<JobHost> hosts;  // ranks are numbered in this order; a machine may stand in several places
  std::string network;         // CIDR; messages and daemons keep to it
  std::string
      starter_network;     // CIDR by which machines reach the starter, where that is another one; else empty
  std::string agent;       // what runs a command on the machine of an address: "AGENT ADDRESS COMMAND…"
  std::string run_folder;  // on every machine, this one too: for Open MPI's files, so that they go with it
  int daemon_port = 0;     // on every machine, and here
  Transport transport = Transport::tcp;
  bool cores_shared = false;       // more threads than cores somewhere: waiting ranks must yield
  std::vector<std::string> extra;  // --mpi-args, last of the options that are for all machines
};

/// The command that starts `engine` (what follows the program's path) on every rank: bound to nothing, in the
/// given network and the pinned ports (ports.h), with keepalives by which daemons notice within five seconds
/// that a machine is gone. For Open MPI 5 the names are those of its documentation; that has never been run.
std::vector<std::string> hosts_command(const HostsJob& job, const std::vector<std::string>& engine);

}  // namespace yoke::cluster
