#include "base/cgroup.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <vector>

namespace yoke::cgroup {
namespace {

/// A group's directory in one hierarchy, without the root that tests put before it.
struct Group {
  std::string path;
  bool v2;
};

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

/// The number a text starts with; empty for "max", "-1" and whatever else is not a count.
std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> read_number(const std::string& path) {
  const std::optional<std::string> text = read_text(path);
  return text ? leading_number(*text) : std::nullopt;
}

/// The value of the line "name value" in a file such as memory.stat.
std::optional<std::uint64_t> read_field(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ' ') {
      return leading_number(std::string_view(line).substr(name.size() + 1));
    }
  }
  return std::nullopt;
}

bool lists(std::string_view comma_separated, std::string_view word) {
  for (;;) {
    const std::size_t comma = comma_separated.find(',');
    if (comma_separated.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    comma_separated.remove_prefix(comma + 1);
  }
}

/// `group` below `mount` and everything above it up to `mount` itself. Inside a container the group may name
/// directories of the host that are not mounted here ("/../…", "/docker/…"); readers skip what does not
/// exist.
void add_with_ancestors(std::vector<Group>& groups, const std::string& mount, std::string group, bool v2) {
  while (!group.empty() && group != "/") {
    if (group.find("/..") == std::string::npos) groups.push_back({mount + group, v2});
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
  groups.push_back({mount, v2});
}

/// The groups whose limits hold for this process in the hierarchy that has `controller`. Mount points are
/// those that systemd and container runtimes use.
std::vector<Group> groups_of(const std::string& root, std::string_view controller) {
  std::vector<Group> groups;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "4:memory:/user.slice" (v1) or "0::/user.slice" (v2)
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      add_with_ancestors(groups, "/sys/fs/cgroup", group, true);
      add_with_ancestors(groups, "/sys/fs/cgroup/unified", group, true);
    } else if (lists(controllers, controller)) {
      add_with_ancestors(groups, "/sys/fs/cgroup/" + std::string(controller), group, false);
      if (controllers != controller)
        add_with_ancestors(groups, "/sys/fs/cgroup/" + controllers, group, false);
    }
  }
  return groups;
}

std::optional<double> quota_of(const std::string& directory, bool v2) {
  std::optional<std::uint64_t> quota;
  std::optional<std::uint64_t> period;
  if (v2) {  // "150000 100000" or "max 100000"
    const std::optional<std::string> text = read_text(directory + "/cpu.max");
    if (!text || text->find(' ') == std::string::npos) return std::nullopt;
    quota = leading_number(*text);
    period = leading_number(std::string_view(*text).substr(text->find(' ') + 1));
  } else {
    quota = read_number(directory + "/cpu.cfs_quota_us");
    period = read_number(directory + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<MemoryLimit> limit_of(const std::string& root, const Group& group) {
  const std::string directory = root + group.path;
  const auto limit = read_number(directory + (group.v2 ? "/memory.max" : "/memory.limit_in_bytes"));
  const auto used = read_number(directory + (group.v2 ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!limit || !used) return std::nullopt;
  const std::uint64_t droppable =
      read_field(directory + "/memory.stat", group.v2 ? "inactive_file" : "total_inactive_file").value_or(0);
  const std::uint64_t held = *used - std::min(*used, droppable);
  return MemoryLimit{*limit, *limit - std::min(*limit, held), group.path};
}

}  // namespace

std::optional<double> cpu_quota(const std::string& root) {
  std::optional<double> strictest;
  for (const Group& group : groups_of(root, "cpu")) {
    const std::optional<double> quota = quota_of(root + group.path, group.v2);
    if (quota && (!strictest || *quota < *strictest)) strictest = quota;
  }
  return strictest;
}

std::optional<MemoryLimit> memory_limit(const std::string& root) {
  std::optional<MemoryLimit> strictest;
  for (const Group& group : groups_of(root, "memory")) {
    std::optional<MemoryLimit> limit = limit_of(root, group);
    if (limit && (!strictest || limit->left < strictest->left)) strictest = std::move(limit);
  }
  return strictest;
}

}  // namespace yoke::cgroup
