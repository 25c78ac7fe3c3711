#include "base/topology.h"

#include <fmt/format.h>
#include <hwloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "base/cgroup.h"

namespace yoke {
namespace {

using HwlocTopology = std::unique_ptr<hwloc_topology, decltype(&hwloc_topology_destroy)>;
using HwlocBitmap = std::unique_ptr<hwloc_bitmap_s, decltype(&hwloc_bitmap_free)>;

/// Null where hwloc does not understand the machine.
HwlocTopology load_topology() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return {nullptr, hwloc_topology_destroy};
  HwlocTopology topology(raw, hwloc_topology_destroy);
  if (hwloc_topology_load(raw) != 0) topology.reset();
  return topology;
}

std::vector<CacheLevel> read_caches(hwloc_topology_t hwloc) {
  std::vector<CacheLevel> caches;
  int level = 0;
  for (const hwloc_obj_type_t type :
       {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE}) {
    ++level;
    std::map<std::uint64_t, int> count_by_size;
    for (hwloc_obj_t cache = nullptr; (cache = hwloc_get_next_obj_by_type(hwloc, type, cache)) != nullptr;) {
      if (cache->attr->cache.size > 0) ++count_by_size[cache->attr->cache.size];
    }
    for (const auto& [bytes, count] : count_by_size) caches.push_back({level, bytes, count});
  }
  return caches;
}

/// Bytes of all caches of the last level, but not of the first, which is no match for a model's weights.
std::uint64_t last_level_cache(const std::vector<CacheLevel>& caches) {
  if (caches.empty() || caches.back().level == 1) return 0;
  std::uint64_t bytes = 0;
  for (const CacheLevel& cache : caches) {
    if (cache.level == caches.back().level) bytes += cache.bytes * static_cast<std::uint64_t>(cache.count);
  }
  return bytes;
}

std::vector<NumaNode> read_numa_nodes(hwloc_topology_t hwloc) {
  std::vector<NumaNode> nodes;
  for (hwloc_obj_t node = nullptr;
       (node = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    const int cores = hwloc_get_nbobjs_inside_cpuset_by_type(hwloc, node->cpuset, HWLOC_OBJ_CORE);
    nodes.push_back(
        {static_cast<int>(node->os_index), node->attr->numanode.local_memory, std::max(0, cores)});
  }
  return nodes;
}

std::string read_processor(hwloc_topology_t hwloc) {
  const hwloc_obj_t package = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_PACKAGE, nullptr);
  const char* name = package == nullptr ? nullptr : hwloc_obj_get_info_by_name(package, "CPUModel");
  return name == nullptr ? "" : name;
}

/// What affinity alone allows; empty where hwloc does not understand the machine.
std::optional<Topology> read_affinity() {
  const HwlocTopology hwloc = load_topology();
  const HwlocBitmap allowed(hwloc_bitmap_alloc(), hwloc_bitmap_free);
  if (!hwloc || !allowed) return std::nullopt;
  if (hwloc_get_cpubind(hwloc.get(), allowed.get(), HWLOC_CPUBIND_PROCESS) != 0) {
    hwloc_bitmap_copy(allowed.get(), hwloc_topology_get_allowed_cpuset(hwloc.get()));
  }
  hwloc_bitmap_and(allowed.get(), allowed.get(), hwloc_topology_get_allowed_cpuset(hwloc.get()));

  Topology found;
  found.logical_cpus = hwloc_bitmap_weight(allowed.get());
  const HwlocBitmap of_core(hwloc_bitmap_alloc(), hwloc_bitmap_free);
  if (!of_core) return std::nullopt;
  for (hwloc_obj_t core = nullptr;
       (core = hwloc_get_next_obj_by_type(hwloc.get(), HWLOC_OBJ_CORE, core)) != nullptr;) {
    hwloc_bitmap_and(of_core.get(), core->cpuset, allowed.get());
    const int first = hwloc_bitmap_first(of_core.get());
    if (first >= 0) found.core_cpus.push_back(first);
  }
  found.cores = static_cast<int>(found.core_cpus.size());
  found.machine_cores = std::max(0, hwloc_get_nbobjs_by_type(hwloc.get(), HWLOC_OBJ_CORE));
  found.processor = read_processor(hwloc.get());
  found.caches = read_caches(hwloc.get());
  found.cache = last_level_cache(found.caches);
  found.numa_nodes = read_numa_nodes(hwloc.get());
  if (found.cores < 1 || found.logical_cpus < 1) return std::nullopt;
  return found;
}

std::string format_binary_bytes(std::uint64_t bytes) {
  constexpr double mebi = 1024.0 * 1024.0;
  const double value = static_cast<double>(bytes);
  return value < 1024.0 * mebi ? fmt::format("{:.1f} MiB", value / mebi)
                               : fmt::format("{:.1f} GiB", value / (1024.0 * mebi));
}

/// "MemTotal:       24689172 kB" → bytes; 0 where the field is not there.
std::uint64_t read_meminfo(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    const std::size_t digits = line.find_first_of("0123456789");
    if (digits == std::string::npos) return 0;
    std::uint64_t kibi = 0;
    std::from_chars(line.data() + digits, line.data() + line.size(), kibi);
    return kibi * 1024;
  }
  return 0;
}

}  // namespace

Topology read_topology() {
  Topology topology;
  if (std::optional<Topology> found = read_affinity()) {
    topology = std::move(*found);
  } else {
    topology.cores = topology.logical_cpus =
        std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  // Threads beyond the quota would only be throttled in the middle of a region, so a fraction does not count.
  if (const std::optional<double> quota = cgroup::cpu_quota()) {
    const int whole = static_cast<int>(std::clamp(std::floor(*quota), 1.0, 65536.0));
    topology.cores = std::min(topology.cores, whole);
    topology.logical_cpus = std::min(topology.logical_cpus, whole);
  }
  return topology;
}

Memory read_memory(const std::string& root) {
  const std::string meminfo = root + "/proc/meminfo";
  Memory memory{read_meminfo(meminfo, "MemTotal"), read_meminfo(meminfo, "MemAvailable"),
                "memory of the machine"};
  const std::optional<cgroup::MemoryLimit> limit = cgroup::memory_limit(root);
  if (limit && limit->left < memory.available) {
    memory.available = limit->left;
    memory.limited_by =
        fmt::format("cgroup limit of {} ({})", format_binary_bytes(limit->limit), limit->path);
  }
  return memory;
}

std::string read_host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

std::string read_machine_name(const std::string& root) {
  std::ifstream file(root + "/proc/sys/kernel/random/boot_id");
  std::string name;
  return file >> name ? name : read_host_name();
}

std::string read_network_name(const std::string& root) {
  std::error_code ignored;
  const auto space = std::filesystem::read_symlink(root + "/proc/self/ns/net", ignored);
  return read_machine_name(root) + " " + space.native();
}

std::string read_huge_pages(const std::string& root) {
  std::ifstream file(root + "/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;  // "always [madvise] never"
  std::getline(file, line);
  const std::size_t begin = line.find('['), end = line.find(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "";
  return line.substr(begin + 1, end - begin - 1);
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  constexpr std::array<std::string_view, 6> units{"KB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000.0;
  std::size_t unit = 0;
  while (value >= 999.5) {  // what would round to a fourth digit belongs to the next unit
    value /= 1000.0;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

}  // namespace yoke
