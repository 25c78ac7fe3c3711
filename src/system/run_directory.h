// A private directory for the files of one run.
#pragma once

#include <filesystem>

#include "system/socket.h"

namespace yoke::system {

/// Removed with everything in it at the end. What runs that were killed have left is removed by the next one
/// of the same user.
class RunDirectory {
 public:
  /// In the machine's shared memory if it has any (Open MPI keeps its message buffers here), else where
  /// temporary files go. Throws Error.
  RunDirectory();
  /// In `parent`.
  explicit RunDirectory(const std::filesystem::path& parent);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor lock_;  // held while the run lives; its death frees it
};

}  // namespace yoke::system
