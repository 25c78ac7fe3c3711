#include "base/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <utility>

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

/// By which the system lets an open file be given a name.
fs::path link_to(const FileDescriptor& file) { return fmt::format("/proc/self/fd/{}", file.get()); }

/// Calls `make` with names beside `path` that nobody else uses, neither another writer nor a file that
/// somebody calls so, until it does not fail (as the system does: false, errno) because of one that exists.
/// The name that was made, or an empty one and errno.
template <class Make>
fs::path make_beside(const fs::path& path, Make make) {
  constexpr int most_attempts = 1000;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    fs::path name = path;
    name += fmt::format(".part-{}-{}", ::getpid(), attempt);
    if (make(name)) return name;
    if (errno != EEXIST) break;
  }
  return {};
}

}  // namespace

OutputFile::OutputFile(const fs::path& path, Growing growing) : path_(path) {
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
  is_new_file_ = true;
  if (growing == Growing::nameless_if_possible) create_nameless();
  if (!file_) create_beside();
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

void OutputFile::append_hole(std::uint64_t bytes) {
  assert(file_);
  if (is_new_file_) {
    const off_t end = ::lseek(file_.get(), static_cast<off_t>(bytes), SEEK_CUR);
    require_success(end >= 0 && ::ftruncate(file_.get(), end) == 0);
    return;
  }
  constexpr std::array<std::byte, 65'536> zeros{};
  for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, zeros.size()))
    append(std::span(zeros).first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, zeros.size()))));
}

void OutputFile::commit(Durability durability) {
  assert(file_);
  require_success(!is_new_file_ || durability == Durability::in_system || ::fsync(file_.get()) == 0);
  if (is_new_file_ && temporary_.empty()) link_beside();
  require_success(file_.close());
  if (!is_new_file_) return;
  require_success(std::rename(temporary_.c_str(), path_.c_str()) == 0);
  temporary_.clear();
}

/// Leaves no file open where the system cannot make one, or could not name it later. What else is wrong with
/// the folder, create_beside() meets as well.
void OutputFile::create_nameless() {
  const fs::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  FileDescriptor file(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
  if (file && ::access(link_to(file).c_str(), F_OK) == 0) file_ = std::move(file);
}

void OutputFile::create_beside() {
  temporary_ = make_beside(path_, [this](const fs::path& name) {
    file_ = FileDescriptor(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    return static_cast<bool>(file_);
  });
  if (!file_) fail("{}: a file beside it cannot be created: {}", path_.string(), last_system_error());
}

/// A link cannot replace a file that has the name, but a file of another name can.
void OutputFile::link_beside() {
  temporary_ = make_beside(path_, [this](const fs::path& name) {
    return ::linkat(AT_FDCWD, link_to(file_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  });
  require_success(!temporary_.empty());
}

void OutputFile::require_success(bool success) const {
  if (!success) fail("{}: cannot be written: {}", path_.string(), last_system_error());
}

}  // namespace yoke
