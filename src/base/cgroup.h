// Limits that Linux control groups (v1 and v2) put on this process. A limit of an ancestor holds too, so each
// reader walks from the process's own group up to the root of the mounted hierarchy.
//
// Every function takes the root of the file system, "" for the real one, so that tests can give their own
// /proc/self/cgroup and /sys/fs/cgroup. What is missing or unreadable does not limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yoke::cgroup {

/// Processors' worth of time the strictest group grants (1.5 = 150 ms in every 100 ms); empty if unlimited.
std::optional<double> cpu_quota(const std::string& root = "");

struct MemoryLimit {
  std::uint64_t limit;  // bytes
  std::uint64_t left;   // bytes under it that are free or hold file pages the kernel drops on demand
  std::string path;     // the group, as seen on a machine: "/sys/fs/cgroup/…"
};
/// The limit that leaves least; empty if there is none.
std::optional<MemoryLimit> memory_limit(const std::string& root = "");

}  // namespace yoke::cgroup
