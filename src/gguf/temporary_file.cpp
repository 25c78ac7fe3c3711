#include "gguf/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/error.h"

namespace yoke::gguf {

TemporaryFile::TemporaryFile(std::filesystem::path path) : path_(std::move(path)) {
  // Two writers of one file must not meet in one temporary file: O_EXCL refuses the second.
  temporary_ = path_;
  temporary_ += fmt::format(".part-{}", ::getpid());
  file_ = FileDescriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  require(file_.is_open(), "{}: cannot be created: {}", temporary_.string(), last_system_error());
}

TemporaryFile::~TemporaryFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void TemporaryFile::append(std::span<const std::byte> bytes) {
  assert(file_.is_open());
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.number(), bytes.data(), bytes.size());
    require_success(n >= 0 || errno == EINTR);
    if (n > 0) bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void TemporaryFile::commit() {
  assert(file_.is_open());
  require_success(::fsync(file_.number()) == 0);
  require_success(file_.close());
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail("{}: cannot take this name: {}", path_.string(), last_system_error());
  }
  temporary_.clear();
}

void TemporaryFile::require_success(bool success) const {
  if (!success) fail("{}: cannot be written: {}", temporary_.string(), last_system_error());
}

}  // namespace yoke::gguf
