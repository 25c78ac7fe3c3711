// Writing a file that has its name only once it is complete.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/file_descriptor.h"

namespace yoke {

/// A result on its way to `path`. It grows in a new file beside it, which takes the name on commit(); until
/// then, and if commit() is never reached, `path` is left as it was. A symbolic link stays one: the file it
/// names is written. Bytes for a pipe or a device go straight there. All members throw Error when the system
/// refuses.
class OutputFile {
 public:
  /// Opens the file, a named pipe once it has a reader.
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void append(std::span<const std::byte> bytes);

  /// Waits until the bytes are on the disk, then gives the file its name, replacing one that had it.
  void commit();

 private:
  void create_beside();
  void require_success(bool success) const;

  std::filesystem::path path_;       // no link where a file of it is made
  std::filesystem::path temporary_;  // empty for a pipe or a device, and once it has been renamed
  FileDescriptor file_;
};

}  // namespace yoke
