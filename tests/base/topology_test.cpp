#include "base/topology.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "fake_root.h"

namespace yoke {
namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

void write_meminfo(const FakeRoot& root) {
  root.write("/proc/meminfo",
             "MemTotal:        8388608 kB\nMemFree:         1048576 kB\nMemAvailable:    4194304 kB\n");
}

TEST(Topology, CoresAreDistinctProcessorsThatThisProcessMayUse) {
  const Topology topology = read_topology();
  EXPECT_GE(topology.cores, 1);
  EXPECT_GE(topology.logical_cpus, topology.cores);
  const std::set<int> distinct(topology.core_cpus.begin(), topology.core_cpus.end());
  EXPECT_EQ(distinct.size(), topology.core_cpus.size());
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  for (const int cpu : topology.core_cpus) EXPECT_TRUE(CPU_ISSET(cpu, &allowed)) << cpu;
}

TEST(Topology, CacheIsThatOfTheLastLevel) {
  // Linux tells each cache of the first processor; that of the highest level is one of those counted.
  int last = 0;
  std::uint64_t bytes = 0;
  for (int index = 0;; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
    int level = 0;
    std::uint64_t kibi = 0;
    if (!(std::ifstream(folder + "/level") >> level) || !(std::ifstream(folder + "/size") >> kibi)) break;
    if (level < last) continue;
    last = level;
    bytes = kibi * 1024;
  }
  if (last < 2) GTEST_SKIP() << "Linux does not tell this machine's caches";
  const std::uint64_t cache = read_topology().cache;
  EXPECT_GE(cache, bytes);
  EXPECT_EQ(cache % bytes, 0);
}

TEST(Topology, TellsTheMachinesCachesFromTheFirstToTheLast) {
  const Topology topology = read_topology();
  if (topology.caches.empty()) GTEST_SKIP() << "hwloc does not know this machine's caches";
  const int last_level = topology.caches.back().level;
  std::uint64_t last = 0;
  int level = 1;
  for (const CacheLevel& cache : topology.caches) {
    EXPECT_GT(cache.bytes, 0);
    EXPECT_GE(cache.count, 1);
    EXPECT_GE(cache.level, level);
    level = cache.level;
    if (level == last_level) last += cache.bytes * static_cast<std::uint64_t>(cache.count);
  }
  EXPECT_EQ(topology.cache, last_level > 1 ? last : 0);
}

TEST(Topology, NumaNodesShareTheMachinesCores) {
  const Topology topology = read_topology();
  if (topology.numa_nodes.empty()) GTEST_SKIP() << "hwloc does not understand this machine";
  int cores = 0;
  for (const NumaNode& node : topology.numa_nodes) {
    EXPECT_GE(node.number, 0);
    cores += node.cores;
  }
  EXPECT_GE(cores, topology.cores);
}

/// Binds every thread of this process (a sanitizer has one of its own), as a process is that was started
/// bound.
void bind_process(const cpu_set_t& cpus) {
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    ASSERT_EQ(sched_setaffinity(std::stoi(thread.path().filename()), sizeof cpus, &cpus), 0);
  }
}

TEST(Topology, RespectsAffinity) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  const std::vector<int> cpus = read_topology().core_cpus;
  ASSERT_FALSE(cpus.empty());
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpus.back(), &one);
  bind_process(one);
  const Topology topology = read_topology();
  bind_process(before);
  EXPECT_EQ(topology.cores, 1);
  EXPECT_GE(topology.machine_cores, static_cast<int>(cpus.size()));
  EXPECT_EQ(topology.logical_cpus, 1);
  EXPECT_EQ(topology.core_cpus, std::vector<int>{cpus.back()});
}

TEST(MachineName, IsTheNumberThatLinuxDrewOrTheHostName) {
  const FakeRoot root;
  EXPECT_EQ(read_machine_name(root.path()), read_host_name());
  root.write("/proc/sys/kernel/random/boot_id", "f81d4fae-7dec-41d0-a765-00a0c91e6bf6\n");
  EXPECT_EQ(read_machine_name(root.path()), "f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
  EXPECT_EQ(read_machine_name(), read_machine_name());
}

TEST(NetworkName, TellsNamespacesOfOneMachineApart) {
  const FakeRoot root;
  root.write("/proc/sys/kernel/random/boot_id", "f81d\n");
  const std::string without = read_network_name(root.path());
  root.write("/proc/self/ns/other", "");
  const std::string link = root.path() + "/proc/self/ns/net";
  std::filesystem::create_symlink("net:[4026531840]", link);
  EXPECT_EQ(read_network_name(root.path()), "f81d net:[4026531840]");
  EXPECT_NE(read_network_name(root.path()), without);
  std::filesystem::remove(link);
  std::filesystem::create_symlink("net:[4026531841]", link);
  EXPECT_EQ(read_network_name(root.path()), "f81d net:[4026531841]");
}

TEST(HugePages, AreWhatTheKernelHasChosen) {
  const std::string file = "/sys/kernel/mm/transparent_hugepage/enabled";
  const FakeRoot root;
  EXPECT_EQ(read_huge_pages(root.path()), "");
  root.write(file, "always [madvise] never\n");
  EXPECT_EQ(read_huge_pages(root.path()), "madvise");
  root.write(file, "[always] madvise never\n");
  EXPECT_EQ(read_huge_pages(root.path()), "always");
  for (const char* nonsense : {"", "\n", "]always[", "[always", "always]"}) {
    root.write(file, nonsense);
    EXPECT_EQ(read_huge_pages(root.path()), "") << nonsense;
  }
}

TEST(Memory, OfTheMachineWhereNoGroupLimits) {
  const FakeRoot root;
  write_meminfo(root);
  const Memory memory = read_memory(root.path());
  EXPECT_EQ(memory.total, 8 * gib);
  EXPECT_EQ(memory.available, 4 * gib);
  EXPECT_EQ(memory.limited_by, "memory of the machine");
}

TEST(Memory, AGroupThatLeavesLessThanTheMachineIsNamed) {
  const FakeRoot root;
  write_meminfo(root);
  root.write("/proc/self/cgroup", "0::/job\n");
  root.write("/sys/fs/cgroup/job/memory.max", std::to_string(2 * gib));
  root.write("/sys/fs/cgroup/job/memory.current", std::to_string(gib / 2));
  const Memory memory = read_memory(root.path());
  EXPECT_EQ(memory.available, 3 * gib / 2);
  EXPECT_EQ(memory.limited_by, "cgroup limit of 2.0 GiB (/sys/fs/cgroup/job)");
}

TEST(Memory, AGroupThatLeavesMoreThanTheMachineDoesNotMatter) {
  const FakeRoot root;
  write_meminfo(root);
  root.write("/proc/self/cgroup", "6:memory:/\n");
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // v1 for "no limit"
  root.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "4096\n");
  const Memory memory = read_memory(root.path());
  EXPECT_EQ(memory.available, 4 * gib);
  EXPECT_EQ(memory.limited_by, "memory of the machine");
}

TEST(Memory, OfThisMachineIsPlausible) {
  const Memory memory = read_memory();
  EXPECT_GT(memory.available, 0u);
  EXPECT_LE(memory.available, memory.total);
}

TEST(FormatBytes, HasThreeDigits) {
  EXPECT_EQ(format_bytes(0), "0 bytes");
  EXPECT_EQ(format_bytes(512), "512 bytes");
  EXPECT_EQ(format_bytes(999), "999 bytes");
  EXPECT_EQ(format_bytes(1000), "1.00 KB");
  EXPECT_EQ(format_bytes(3'970'000), "3.97 MB");
  EXPECT_EQ(format_bytes(13'400'000'000), "13.4 GB");
  EXPECT_EQ(format_bytes(134'000'000'000), "134 GB");
}

TEST(FormatBytes, RoundingUpMovesToTheNextDigitOrUnit) {
  EXPECT_EQ(format_bytes(9'994), "9.99 KB");
  EXPECT_EQ(format_bytes(9'996), "10.0 KB");
  EXPECT_EQ(format_bytes(99'960), "100 KB");
  EXPECT_EQ(format_bytes(999'499), "999 KB");
  EXPECT_EQ(format_bytes(999'500), "1.00 MB");
  EXPECT_EQ(format_bytes(~std::uint64_t{0}), "18.4 EB");
}

}  // namespace
}  // namespace yoke
