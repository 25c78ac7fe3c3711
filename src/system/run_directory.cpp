#include "system/run_directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace yoke::system {

namespace {

namespace fs = std::filesystem;

constexpr const char* prefix = "yoke-run-";
constexpr const char* lock_name = "lock";
// A directory this young may not have got its lock yet.
constexpr std::chrono::seconds youth{10};

/// Whether `directory` is a run's, ours, and its run is dead.
bool is_abandoned(const fs::path& directory) {
  struct stat status {};
  if (!directory.filename().native().starts_with(prefix) || ::lstat(directory.c_str(), &status) != 0 ||
      !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid())
    return false;
  const auto changed = std::chrono::system_clock::from_time_t(status.st_mtime);
  if (std::chrono::system_clock::now() - changed < youth) return false;
  const FileDescriptor lock(::open((directory / lock_name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

void remove_abandoned(const fs::path& parent) {
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;  // another run may be removing the same
    if (is_abandoned(entry->path())) fs::remove_all(entry->path(), ignored);
  }
}

fs::path default_parent() {
  const fs::path shared_memory = "/dev/shm";
  std::error_code error;
  return ::access(shared_memory.c_str(), W_OK | X_OK) == 0 ? shared_memory : fs::temp_directory_path(error);
}

}  // namespace

RunDirectory::RunDirectory() : RunDirectory(default_parent()) {}

RunDirectory::RunDirectory(const fs::path& parent) {
  remove_abandoned(parent);
  std::string name = (parent / (std::string(prefix) + "XXXXXX")).native();
  require(::mkdtemp(name.data()) != nullptr, "cannot make a directory in {}: {}", parent.native(),
          std::strerror(errno));
  path_ = name;
  lock_ = FileDescriptor(::open((path_ / lock_name).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (lock_) ::flock(lock_.get(), LOCK_EX | LOCK_NB);
}

RunDirectory::~RunDirectory() {
  std::error_code ignored;  // nothing could be done about it here; the next run tries again
  fs::remove_all(path_, ignored);
}

}  // namespace yoke::system
