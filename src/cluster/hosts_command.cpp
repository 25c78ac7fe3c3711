#include "cluster/hosts_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "hosts/ports.h"

namespace yoke::cluster {

namespace {

/// Collects words; a parameter is "--mca NAME VALUE", of the run-time system "--prtemca NAME VALUE" in Open
/// MPI 5.
class Command {
 public:
  Command(const std::filesystem::path& mpirun, int major) : words_{mpirun.native()}, major_(major) {}

  void add(std::initializer_list<std::string> words) { words_.insert(words_.end(), words); }
  void add(const std::vector<std::string>& words) { words_.insert(words_.end(), words.begin(), words.end()); }
  void mpi(const std::string& name, const std::string& value) { add({"--mca", name, value}); }
  void runtime(const std::string& name, const std::string& value) {
    add({major_ == 4 ? "--mca" : "--prtemca", name, value});
  }
  std::vector<std::string> take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
  int major_;
};

/// How daemons are started on the other machines, and how they find each other and notice each other's end.
void add_daemons(Command& command, const HostsJob& job) {
  const bool four = job.major_version == 4;
  const std::string networks =
      job.starter_network.empty() ? job.network : job.network + "," + job.starter_network;
  const std::string launcher = four ? "rsh" : "ssh";
  command.runtime("plm", launcher);
  command.runtime("plm_" + launcher + "_agent", job.agent);
  command.runtime("plm_" + launcher + "_no_tree_spawn", "1");  // every machine from here: others need no keys
  command.runtime(four ? "oob_tcp_if_include" : "prte_if_include", networks);
  const std::string prefix = four ? "oob_tcp_" : "prte_";
  command.runtime(prefix + "dynamic_ipv4_ports", std::to_string(job.daemon_port));
  command.runtime(prefix + "keepalive_time", "2");
  command.runtime(prefix + "keepalive_intvl", "1");
  command.runtime(prefix + "keepalive_probes", "3");
  command.runtime(four ? "orte_tmpdir_base" : "prte_tmpdir_base", job.run_folder);
  command.runtime("odls_base_sigkill_timeout", "0");
  // Notes on every rank's end: of one that has not joined MPI yet there is no other report.
  if (four) command.runtime("state_base_verbose", "1");
}

int ranks_on(const HostsJob& job, const std::string& address) {
  int ranks = 0;
  for (const JobHost& host : job.hosts)
    if (host.address == address) ranks += host.slots;
  return ranks;
}

/// What carries the ranks' messages: only that is loaded, which also makes the start faster.
void add_messages(Command& command, const HostsJob& job) {
  if (job.transport == Transport::ucx) {
    command.mpi("pml", "ucx");
    command.mpi("osc", "ucx");
    return;
  }
  const bool alone = std::all_of(job.hosts.begin(), job.hosts.end(),
                                 [&](const JobHost& host) { return ranks_on(job, host.address) == 1; });
  const std::string shared = job.major_version == 4 ? "vader" : "sm";
  command.mpi("pml", "ob1");
  command.mpi("btl", "self" + (alone ? "" : "," + shared) + ",tcp");
  if (!alone) command.mpi("btl_" + shared + "_backing_directory", job.run_folder);
  command.mpi("btl_tcp_if_include", job.network);
  command.mpi("btl_tcp_port_min_v4", std::to_string(hosts::message_ports.first));
  command.mpi("btl_tcp_port_range_v4", std::to_string(hosts::message_ports.count()));
  command.mpi("mtl", job.major_version == 4 ? "^ofi,psm,psm2" : "^ofi,psm2");
  command.mpi("osc", "^ucx,rdma");
}

/// mpirun counts what a machine has room for over all its entries, each of which has to say it.
void add_host(Command& command, const HostsJob& job, const JobHost& host,
              const std::vector<std::string>& engine) {
  const std::string room = std::to_string(ranks_on(job, host.address));
  // The root is a folder that every machine has: the starter's own need not be there.
  command.add(
      {"-n", std::to_string(host.slots), "--host", host.address + ":" + room, "--wdir", "/", host.yoke});
  command.add(engine);
}

}  // namespace

std::vector<std::string> hosts_command(const HostsJob& job, const std::vector<std::string>& engine) {
  Command command(job.mpirun, job.major_version);
  if (job.as_root) command.add({"--allow-run-as-root"});
  command.add({"--bind-to", "none"});
  add_daemons(command, job);
  add_messages(command, job);
  if (job.cores_shared) command.mpi("mpi_yield_when_idle", "1");
  command.add(job.extra);
  for (const JobHost& host : job.hosts) {
    if (&host != &job.hosts.front()) command.add({":"});
    add_host(command, job, host, engine);
  }
  return command.take();
}

}  // namespace yoke::cluster
