// How fast a disk can be read: what the time of loading a model is held against.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace yoke::rates {

struct DiskRate {
  std::uint64_t bytes = 0;  // that were read
  double seconds = 0;
  /// Whether they came from the disk past the system's cache. Some file systems cannot; there the system was
  /// asked to forget the file first, which it may have done.
  bool direct = false;

  double bytes_per_second() const { return static_cast<double>(bytes) / seconds; }
};

/// Reads a file from its beginning, several stretches at once, until a second or a gigabyte is over or the
/// file ends. Of a folder: a file in it that has no name, is written first (for two seconds or 256 MB at
/// most, and a quarter of the free space) and is gone at the end, however the process ends. Throws Error
/// where `path` is neither, is empty, is kept in memory by its file system, or cannot be read or written.
DiskRate measure_disk(const std::filesystem::path& path);

}  // namespace yoke::rates
