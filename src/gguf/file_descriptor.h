// Owner of an open file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace yoke::gguf {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }
  /// Closes and tells whether the system had anything to complain about (errno then says what).
  bool close();

 private:
  int number_ = -1;
};

/// What errno says at this moment: "No such file or directory".
std::string last_system_error();

}  // namespace yoke::gguf
