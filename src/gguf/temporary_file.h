// A file that has its name only once it is complete.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "gguf/file_descriptor.h"

namespace yoke::gguf {

/// Owner of a new file beside `path`. Unless commit() succeeds it is removed, and `path` is left as it was.
/// All members throw Error when the system refuses.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void append(std::span<const std::byte> bytes);

  /// Waits until the bytes are on the disk, then gives the file its name, replacing one that had it.
  void commit();

 private:
  void require_success(bool success) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;  // empty once it has been renamed
  FileDescriptor file_;
};

}  // namespace yoke::gguf
