#include "base/topology.h"

#include <fmt/format.h>
#include <hwloc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
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

/// Bytes of the machine's caches of the last level.
std::uint64_t last_level_cache(hwloc_topology_t hwloc) {
  for (const hwloc_obj_type_t level : {HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE}) {
    std::uint64_t bytes = 0;
    for (hwloc_obj_t cache = nullptr; (cache = hwloc_get_next_obj_by_type(hwloc, level, cache)) != nullptr;) {
      bytes += cache->attr->cache.size;
    }
    if (bytes > 0) return bytes;
  }
  return 0;
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
  found.cache = last_level_cache(hwloc.get());
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
