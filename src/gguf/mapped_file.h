// A file in memory, read-only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace yoke::gguf {

/// Owner of a read-only mapping of a whole file. The file must not shrink while it is mapped.
class MappedFile {
 public:
  /// Throws Error when the path is no readable, regular, non-empty file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace yoke::gguf
