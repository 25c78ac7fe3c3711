#include "hosts/abandoned_runs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "base/file_descriptor.h"
#include "hosts/run_folder.h"
#include "hosts/run_processes.h"

namespace yoke::hosts {

namespace {

namespace fs = std::filesystem;

constexpr auto presumed_dead = 3 * longest_start;

std::optional<FolderOrigin> origin_of(const fs::path& folder) {
  const FileDescriptor file(
      ::open((folder / "made").c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) return std::nullopt;
  std::array<char, 512> text{};
  const ssize_t n = ::read(file.get(), text.data(), text.size());
  return n > 0 ? parse_origin({text.data(), static_cast<std::size_t>(n)}) : std::nullopt;
}

bool is_ours(const fs::path& folder) {
  struct stat status {};
  return ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & 077) == 0;
}

void remove_if_abandoned(const fs::path& folder, const FolderOrigin& now) {
  const std::optional<std::string> run = run_of_folder(folder.filename().native());
  if (!run || !is_ours(folder)) return;
  const std::optional<FolderOrigin> made = origin_of(folder);
  if (!made || !is_abandoned(*made, now) || runs_here(*run)) return;
  std::error_code ignored;  // what is left is in a folder that is ours alone
  fs::remove_all(folder, ignored);
}

}  // namespace

bool is_abandoned(const FolderOrigin& made, const FolderOrigin& now) {
  if (made.host != now.host) return false;
  if (made.boot_id != now.boot_id) return true;
  return made.pid_namespace == now.pid_namespace && now.seconds - made.seconds > presumed_dead.count();
}

void remove_abandoned_runs(const fs::path& parent) noexcept {
  try {
    const FolderOrigin now = read_origin();
    std::error_code error;
    for (fs::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error))
      remove_if_abandoned(entry->path(), now);
  } catch (const std::exception&) {
    return;  // the next start tries again
  }
}

}  // namespace yoke::hosts
