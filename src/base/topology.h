// What this process may use of its machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace yoke {

/// The data caches of one level and size.
struct CacheLevel {
  int level = 0;
  std::uint64_t bytes = 0;  // of each
  int count = 0;
  bool operator==(const CacheLevel&) const = default;
};

/// Memory that some cores are nearest to.
struct NumaNode {
  int number = 0;           // as Linux counts
  std::uint64_t bytes = 0;  // 0 where unknown
  int cores = 0;            // of the machine; 0 where it is memory alone
};

struct Topology {
  int cores = 1;         // physical cores this process may run on (affinity and cgroup CPU quota respected)
  int logical_cpus = 1;  // hardware threads, likewise
  /// One logical CPU number per physical core that affinity allows, in order; never fewer than `cores`,
  /// except that it is empty where the machine is unknown.
  std::vector<int> core_cpus;
  std::uint64_t cache = 0;  // bytes of all caches of the last level together; 0 where unknown
  // Of the whole machine; 0 or empty where unknown:
  int machine_cores = 0;
  std::string processor;           // "AMD EPYC 9R14"
  std::vector<CacheLevel> caches;  // from the first level to the last
  std::vector<NumaNode> numa_nodes;
};
/// Read with hwloc; never fails (falls back to what the C++ library says).
Topology read_topology();

struct Memory {
  std::uint64_t total = 0;      // bytes of the machine
  std::uint64_t available = 0;  // bytes this process can still take: the smallest of what the kernel calls
                                // available and what each cgroup (v1 or v2, ancestors too) leaves
  std::string limited_by;       // "memory of the machine" or "cgroup limit of 2.0 GiB (/sys/fs/cgroup/…)"
};
/// Reads `root`/proc and `root`/sys/fs/cgroup; never fails (what cannot be read does not limit; without
/// /proc/meminfo all is 0).
Memory read_memory(const std::string& root = "");

/// What this machine calls itself; "unknown host" where it does not say.
std::string read_host_name();

/// The same for all processes of this machine, those in containers too, and no other machine's: the number
/// that Linux draws when it starts. The host name where it cannot be read. Reads `root`/proc.
std::string read_machine_name(const std::string& root = "");

/// The same for all processes that reach each other on 127.0.0.1, and no other's: the machine's name and its
/// network namespace, of which there is none without `root`/proc.
std::string read_network_name(const std::string& root = "");

/// When Linux gives huge pages to who does not ask for them by name: "always", "madvise" (to who wishes for
/// them, as Yoke does), "never"; empty where it does not say. Reads `root`/sys.
std::string read_huge_pages(const std::string& root = "");

/// "13.4 GB", "3.97 MB", "512 bytes": decimal units, three digits.
std::string format_bytes(std::uint64_t bytes);

}  // namespace yoke
