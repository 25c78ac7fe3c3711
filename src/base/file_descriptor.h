// Owner of whatever the system numbers: an open file, a socket, an end of a pipe.
#pragma once

#include <string>
#include <utility>

namespace yoke {

/// Owns a file descriptor; -1 is none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// False if the system had anything to complain about (errno then says what); it is closed all the same.
  bool close();

 private:
  int fd_ = -1;
};

/// What errno says at this moment: "No such file or directory".
std::string last_system_error();

}  // namespace yoke
