#include "hosts/folder_origin.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <time.h>

#include <sstream>

#include "hosts/survey.h"

namespace yoke::hosts {

namespace {

std::uint64_t own_pid_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

}  // namespace

FolderOrigin read_origin() {
  const Survey here = take_identity();
  timespec clock{};
  ::clock_gettime(CLOCK_MONOTONIC, &clock);
  return {here.host, here.boot_id, own_pid_namespace(), clock.tv_sec};
}

std::string write_origin(const FolderOrigin& origin) {
  return fmt::format("{} {} {} {}\n", origin.host, origin.boot_id, origin.pid_namespace, origin.seconds);
}

std::optional<FolderOrigin> parse_origin(std::string_view text) {
  std::istringstream words{std::string(text)};
  FolderOrigin origin;
  std::string more;
  if (!(words >> origin.host >> origin.boot_id >> origin.pid_namespace >> origin.seconds) || words >> more)
    return std::nullopt;
  return origin;
}

}  // namespace yoke::hosts
