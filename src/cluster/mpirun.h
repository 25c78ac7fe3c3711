// Open MPI's mpirun: where it is, how it wants to be called on this machine, and what its complaints mean.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/protocol.h"
#include "runtime/engine_death.h"
#include "system/environment.h"

namespace yoke::cluster {

/// In PATH, or where Fedora and Debian put it aside. Throws Error naming the package to install.
std::filesystem::path find_mpirun(const system::Environment& environment);

/// The major version in what `mpirun --version` prints. Throws Error if it is not Open MPI 4 or later.
int parse_mpirun_version(const std::string& printed);

/// The same from the program itself. Throws Error also where it does not answer.
int ask_mpirun_version(const std::filesystem::path& mpirun, const system::Environment& environment);

struct LocalJob {
  std::filesystem::path mpirun;
  int major_version = 4;
  bool as_root = false;
  int ranks = 1;
  bool cores_shared = false;        // more threads than cores: waiting ranks must yield
  std::filesystem::path directory;  // for its files
};

/// The command that runs `program` as a job of this machine only: without ssh, without a resource manager,
/// listening on the loopback interface where that can be said, unbound, with no more than the components that
/// are used.
std::vector<std::string> mpirun_command(const LocalJob& job, const std::vector<std::string>& program);

/// How a rank that cannot reach rank 0 or the starter any more begins the line that says why.
inline constexpr std::string_view last_words_prefix = "yoke engine: ";

/// What people call machines, by the addresses that mpirun knows them by.
using MachineNames = std::map<std::string, std::string>;

/// Where a job runs, as far as its starter knows it; where it is one machine nothing need be known.
struct JobMachines {
  MachineNames names{};
  std::vector<std::string> of_ranks{};  // for people: each rank's, in rank order
};

/// One sentence on the first machine whose daemon has ended other than well, from what was printed; nothing
/// where there is none.
std::optional<std::string> find_ended_daemon(std::string_view printed, const MachineNames& names);

/// One sentence on an engine that ended without saying why on its socket, from what it and mpirun printed,
/// the status that waitpid() gave (or −1), and where its ranks ran as far as is known.
std::string explain_end(const std::string& printed, int status, std::span<const runtime::Place> places,
                        const JobMachines& machines = {});

/// What such an engine has died of, from the same.
runtime::DeathCause cause_of_end(const std::string& printed, int status);

}  // namespace yoke::cluster
