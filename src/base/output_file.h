// Writing a file that has its name only once it is complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/file_descriptor.h"

namespace yoke {

/// A result on its way to `path`. It grows in a new file of the same folder, which takes the name on
/// commit(); until then, and if commit() is never reached, `path` is left as it was. A symbolic link stays
/// one: the file it names is written. Bytes for a pipe or a device go straight there. All members throw Error
/// when the system refuses.
///
/// The growing file has no name where the file system can make such files (O_TMPFILE), so that the system
/// frees it however the process ends. Elsewhere it is called `path`.part-PID-N, and a process that a signal
/// ends leaves it behind. For a moment of commit() it is called so everywhere, complete: a file without a
/// name can be given a new one, but not one that another file has.
class OutputFile {
 public:
  enum class Growing { nameless_if_possible, named };

  /// Opens the file, a named pipe once it has a reader.
  explicit OutputFile(const std::filesystem::path& path, Growing growing = Growing::nameless_if_possible);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void append(std::span<const std::byte> bytes);

  /// Appends so many zeros: in a file as a hole, which takes no room on the disk.
  void append_hole(std::uint64_t bytes);

  enum class Durability { on_disk, in_system };
  /// Gives the file its name, replacing one that had it; waits first until the bytes are on the disk, unless
  /// the system may write them later: then a loss of power can leave a file of that name with other bytes.
  void commit(Durability durability = Durability::on_disk);

 private:
  void create_nameless();
  void create_beside();
  void link_beside();
  void require_success(bool success) const;

  std::filesystem::path path_;       // no link where a file of it is made
  bool is_new_file_ = false;         // that takes the name on commit(): no pipe and no device
  std::filesystem::path temporary_;  // the new file's name, empty while it has none and once it has `path_`
  FileDescriptor file_;
};

}  // namespace yoke
