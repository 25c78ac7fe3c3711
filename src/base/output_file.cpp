#include "base/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstdio>

#include "base/error.h"

namespace yoke {
namespace {

namespace fs = std::filesystem;

/// The file that a chain of symbolic links names, whether it exists or not.
fs::path follow_links(fs::path path) {
  constexpr int most_links = 40;  // as the kernel has it
  const std::string given = path.string();
  std::error_code error;
  for (int links = 0; fs::is_symlink(path, error); ++links) {
    require(links < most_links, "{}: is one of a circle of symbolic links, expected a file to write", given);
    path = path.parent_path() / fs::read_symlink(path, error);
  }
  return path;
}

}  // namespace

OutputFile::OutputFile(const fs::path& path) : path_(path) {
  require(path.has_filename(), "'{}' names no file to write", path.string());
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  require(!exists || !S_ISDIR(status.st_mode), "{}: is a directory, expected a file to write", path.string());
  if (exists && !S_ISREG(status.st_mode)) {
    file_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    require_success(static_cast<bool>(file_));
    return;
  }
  path_ = follow_links(path);
  // Another file is to take its name, which would pass over its protection.
  require_success(!exists || ::access(path.c_str(), W_OK) == 0);
  create_beside();
  if (exists) require_success(::fchmod(file_.get(), status.st_mode & 0777) == 0);
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::append(std::span<const std::byte> bytes) {
  assert(file_);
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    require_success(n >= 0 || errno == EINTR);
    if (n > 0) bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void OutputFile::commit() {
  assert(file_);
  require_success(temporary_.empty() || ::fsync(file_.get()) == 0);
  require_success(file_.close());
  if (temporary_.empty()) return;
  require_success(std::rename(temporary_.c_str(), path_.c_str()) == 0);
  temporary_.clear();
}

/// The new file must be nobody else's, neither another writer's nor one that somebody calls so: O_EXCL.
void OutputFile::create_beside() {
  constexpr int most_attempts = 1000;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    fs::path name = path_;
    name += fmt::format(".part-{}-{}", ::getpid(), attempt);
    file_ = FileDescriptor(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file_) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST) break;
  }
  fail("{}: a file beside it cannot be created: {}", path_.string(), last_system_error());
}

void OutputFile::require_success(bool success) const {
  if (!success) fail("{}: cannot be written: {}", path_.string(), last_system_error());
}

}  // namespace yoke
