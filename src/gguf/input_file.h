// A file that is read piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/file_descriptor.h"

namespace yoke::gguf {

/// What tells that a file was written to, short of reading it.
struct FileVersion {
  std::uint64_t bytes = 0;
  std::uint64_t written = 0;  // nanoseconds, as the file system counts time
  bool operator==(const FileVersion&) const = default;
};

/// An open regular file. Its name may go or be given to another file: the one that was opened is read.
/// Const members may be called from any thread.
class InputFile {
 public:
  /// Throws Error when the path is no readable, regular, non-empty file; `expected` is what the sentence says
  /// it should be.
  explicit InputFile(const std::filesystem::path& path, std::string_view expected = "a GGUF file");

  const std::string& name() const { return name_; }
  std::uint64_t bytes() const { return version_.bytes; }   // when it was opened
  const FileVersion& version() const { return version_; }  // likewise

  /// Fills `to` with the bytes from `offset` on. Throws Error if the file has become too short, or the system
  /// cannot read it.
  void read(std::uint64_t offset, std::span<std::byte> to) const;
  /// Tells the system that these bytes will be wanted soon.
  void expect(std::uint64_t offset, std::uint64_t bytes) const;
  /// Throws Error if the file was written to since it was opened, as far as its size and time tell.
  void check_unchanged() const;

 private:
  FileVersion examine() const;

  std::string name_;
  FileDescriptor file_;
  FileVersion version_;
};

}  // namespace yoke::gguf
