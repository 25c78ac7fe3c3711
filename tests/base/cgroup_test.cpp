#include "base/cgroup.h"

#include <gtest/gtest.h>

#include <string>

#include "fake_root.h"

namespace yoke::cgroup {
namespace {

constexpr std::uint64_t mib = 1 << 20;

void write_v2_memory(const FakeRoot& root, const std::string& group, const std::string& limit,
                     std::uint64_t used, std::uint64_t inactive_file) {
  const std::string directory = "/sys/fs/cgroup" + group;
  root.write(directory + "/memory.max", limit + "\n");
  root.write(directory + "/memory.current", std::to_string(used) + "\n");
  root.write(directory + "/memory.stat", "anon 4096\nfile 8192\ninactive_anon 0\ninactive_file " +
                                             std::to_string(inactive_file) + "\nactive_file 77\n");
}

TEST(Cgroup, NothingLimitsWhereThereAreNoGroups) {
  const FakeRoot root;
  EXPECT_FALSE(cpu_quota(root.path()));
  EXPECT_FALSE(memory_limit(root.path()));
}

TEST(Cgroup, MaxIsNoLimit) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/job\n");
  root.write("/sys/fs/cgroup/job/cpu.max", "max 100000\n");
  write_v2_memory(root, "/job", "max", 5 * mib, 0);
  EXPECT_FALSE(cpu_quota(root.path()));
  EXPECT_FALSE(memory_limit(root.path()));
}

TEST(Cgroup, ReadsTheProcessesOwnGroup) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/job\n");
  root.write("/sys/fs/cgroup/job/cpu.max", "150000 100000\n");
  write_v2_memory(root, "/job", std::to_string(100 * mib), 30 * mib, 0);
  EXPECT_EQ(cpu_quota(root.path()), 1.5);
  const auto limit = memory_limit(root.path());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->limit, 100 * mib);
  EXPECT_EQ(limit->left, 70 * mib);
  EXPECT_EQ(limit->path, "/sys/fs/cgroup/job");
}

TEST(Cgroup, AnAncestorThatLeavesLessDecides) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/slice/service/job\n");
  root.write("/sys/fs/cgroup/slice/cpu.max", "200000 100000\n");
  root.write("/sys/fs/cgroup/slice/service/job/cpu.max", "800000 100000\n");
  write_v2_memory(root, "/slice", std::to_string(100 * mib), 90 * mib, 0);  // a neighbour has taken most
  write_v2_memory(root, "/slice/service/job", std::to_string(50 * mib), 10 * mib, 0);
  EXPECT_EQ(cpu_quota(root.path()), 2.0);
  const auto limit = memory_limit(root.path());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->left, 10 * mib);
  EXPECT_EQ(limit->path, "/sys/fs/cgroup/slice");
}

TEST(Cgroup, CountsFilePagesThatTheKernelCanDrop) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/job\n");
  write_v2_memory(root, "/job", std::to_string(100 * mib), 90 * mib, 60 * mib);
  const auto limit = memory_limit(root.path());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->left, 70 * mib);
}

TEST(Cgroup, NothingIsLeftOfAnExceededLimit) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/job\n");
  write_v2_memory(root, "/job", std::to_string(10 * mib), 12 * mib, 0);
  const auto limit = memory_limit(root.path());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->left, 0u);
}

TEST(Cgroup, InAContainerTheMountedRootHolds) {
  const FakeRoot root;  // the path is the host's; the container sees its own group at the mount point
  root.write("/proc/self/cgroup", "0::/../../docker/abc\n");
  root.write("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  write_v2_memory(root, "", std::to_string(64 * mib), 4 * mib, 0);
  EXPECT_EQ(cpu_quota(root.path()), 3.0);
  const auto limit = memory_limit(root.path());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->left, 60 * mib);
  EXPECT_EQ(limit->path, "/sys/fs/cgroup");
}

TEST(Cgroup, ReadsVersionOne) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n");
  root.write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", std::to_string(80 * mib));
  root.write("/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", std::to_string(50 * mib));
  root.write("/sys/fs/cgroup/memory/docker/abc/memory.stat",
             "inactive_file 1\ntotal_inactive_file " + std::to_string(20 * mib) + "\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "250000\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpu_quota(root.path()), 2.5);
  const auto limit = memory_limit(root.path());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->left, 50 * mib);
  EXPECT_EQ(limit->path, "/sys/fs/cgroup/memory/docker/abc");
}

TEST(Cgroup, AVersionOneQuotaOfMinusOneIsNoLimit) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "4:cpu:/\n");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(cpu_quota(root.path()));
}

TEST(Cgroup, DamagedFilesDoNotLimit) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "nonsense\n0:\n::::\n0::job\n0::/job\n");
  root.write("/sys/fs/cgroup/job/cpu.max", "many\n");
  root.write("/sys/fs/cgroup/cpu.max", "100000 0\n");
  root.write("/sys/fs/cgroup/job/memory.max", "");
  root.write("/sys/fs/cgroup/memory.max", "99999999999999999999999999999\n");
  root.write("/sys/fs/cgroup/memory.current", "1\n");
  EXPECT_FALSE(cpu_quota(root.path()));
  EXPECT_FALSE(memory_limit(root.path()));
}

}  // namespace
}  // namespace yoke::cgroup
