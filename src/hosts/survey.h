// What a machine tells of itself before it shares work with others: `yoke survey`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/host_speed.h"
#include "hosts/interfaces.h"
#include "hosts/rdma.h"
#include "system/build_id.h"

namespace yoke::hosts {

struct CoreKind {
  std::string name;  // "P" and "E"; "core" where all are alike
  int cores = 0;
};

/// A folder that something is to be written into.
struct FolderState {
  std::string path;     // empty: none was asked about
  bool usable = false;  // it is there and can be written, or can be made
  std::uint64_t free_bytes = 0;
  std::string why_not;
};

struct ModelState {
  std::string path;  // empty: none was asked about
  bool readable = false;
  bool absent = false;  // there is nothing of that name
  std::uint64_t bytes = 0;
  std::string why_not;
  // Where it is absent: the parts of a replica that are kept there, from 0 on, of how many.
  std::vector<int> kept{};
  int kept_of = 0;
};

struct Survey {
  std::string host;               // as the machine calls itself
  std::string kernel;             // "6.1.0-18-amd64"
  std::string architecture;       // "x86_64"
  std::vector<std::string> isas;  // instruction sets of kernels that can run, best first
  std::string open_mpi;           // "4.1.4"; empty where there is none
  bool open_mpi_has_ucx = false;  // which RDMA needs
  std::string executable;         // path of this program
  std::string processor;
  std::vector<CoreKind> core_kinds;  // of the machine
  int cores = 0;                     // that a process may use
  int numa_nodes = 0;
  std::uint64_t memory_total = 0;
  std::uint64_t memory_available = 0;
  std::string memory_limited_by;
  std::uint64_t swap_used = 0;
  double load = 0;               // processes that run or want to, the mean of a minute
  std::string governor;          // "performance"; empty where the processor's clock is not the system's
  std::string frequency_driver;  // "intel_pstate"
  double clock = 0;              // seconds since 1970, when it answers
  std::string boot_id;
  std::uint64_t network_namespace = 0;
  std::uint64_t user_id = 0;
  std::vector<Interface> interfaces;
  std::vector<RdmaPort> rdma_ports;
  std::vector<int> daemon_ports_in_use;  // of daemon_ports (ports.h)
  ModelState model;
  FolderState cache;
  FolderState temporary;
  std::uint64_t shared_memory_free = 0;  // bytes in /dev/shm
  HostSpeed speed{};
};

struct SurveyQuestions {
  std::string model;      // path; empty: not asked
  std::string cache_dir;  // path; empty: not asked
  SpeedQuestion speed{};
};

/// Reads `root`/proc, `root`/sys and `root`/dev where it reads these itself. Never throws for what it finds.
Survey take_survey(const SurveyQuestions& questions, const std::string& root = "");

/// The part of it that tells machines apart, at once: kernel, architecture, host, boot_id, network_namespace,
/// user_id and executable.
Survey take_identity(const std::string& root = "");

/// What a machine prints: the line that says which build it is, and a JSON object.
std::string write_survey(const Survey& survey);

/// Longest answer that is read, with what a login shell has printed before it.
inline constexpr std::size_t longest_survey = std::size_t{1} << 18;

/// What came back from a host.
struct SurveyAnswer {
  system::BuildId build;
  Survey survey;  // empty where `build` is another than this program's
};

/// Looks for the first line that tells a build; what stands before it is some greeting. Throws Error, without
/// the host's name, where there is none or what follows is no survey as this build writes them.
SurveyAnswer parse_survey(std::string_view text);

}  // namespace yoke::hosts
