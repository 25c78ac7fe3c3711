#include "gguf/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace yoke::gguf {
namespace {

struct stat examine_descriptor(const std::string& name, int file) {
  struct stat status {};
  const bool examined = ::fstat(file, &status) == 0;
  require(examined, "{}: cannot be examined: {}", name, last_system_error());
  return status;
}

}  // namespace

void Input::read_pieces(const EvenPieces& pieces, std::span<std::byte> to) const {
  for (std::uint64_t i = 0; i < pieces.n; ++i)
    read(pieces.offset + i * pieces.stride, to.subspan(i * pieces.bytes, pieces.bytes));
}

InputFile::InputFile(const std::filesystem::path& path, std::string_view expected)
    : name_(path.string()),
      // Not blocking: to open a named pipe would wait for its writer.
      file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  require(static_cast<bool>(file_), "{}: cannot be opened: {}", name_, last_system_error());
  const mode_t mode = examine_descriptor(name_, file_.get()).st_mode;
  require(!S_ISDIR(mode), "{}: is a directory, expected {}", name_, expected);
  require(S_ISREG(mode), "{}: is not a regular file, expected {}", name_, expected);
  version_ = examine();
  require(version_.bytes > 0, "{}: is empty, expected {}", name_, expected);
}

FileVersion InputFile::examine() const {
  const struct stat status = examine_descriptor(name_, file_.get());
  constexpr std::uint64_t second = 1'000'000'000;
  return {static_cast<std::uint64_t>(status.st_size),
          static_cast<std::uint64_t>(status.st_mtim.tv_sec) * second +
              static_cast<std::uint64_t>(status.st_mtim.tv_nsec)};
}

void InputFile::read(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t n = ::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    require(n >= 0, "{}: {} bytes at offset {} cannot be read: {}", name_, to.size(), offset,
            last_system_error());
    require(n > 0, "{}: has shrunk since it was opened: expected {} bytes, found {}", name_, bytes(),
            examine().bytes);
    offset += static_cast<std::uint64_t>(n);
    to = to.subspan(static_cast<std::size_t>(n));
  }
}

void InputFile::read_pieces(const EvenPieces& pieces, std::span<std::byte> to) const {
  constexpr std::uint64_t largest_gap = std::uint64_t{64} << 10;
  if (pieces.n == 0) return;
  if (pieces.n > 1 && pieces.stride - pieces.bytes > largest_gap) return Input::read_pieces(pieces, to);
  if (pieces.n == 1 || pieces.stride == pieces.bytes) return read(pieces.offset, to);
  std::vector<std::byte> strip((pieces.n - 1) * pieces.stride + pieces.bytes);
  read(pieces.offset, strip);
  for (std::uint64_t i = 0; i < pieces.n; ++i)
    std::memcpy(to.data() + i * pieces.bytes, strip.data() + i * pieces.stride, pieces.bytes);
}

void InputFile::expect(std::uint64_t offset, std::uint64_t bytes) const {
  if (bytes == 0) return;  // which would mean the rest of the file
  // Advice: where the system does not take it, reading is slower at worst.
  static_cast<void>(::posix_fadvise(file_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                                    POSIX_FADV_WILLNEED));
}

void InputFile::check_unchanged() const {
  const FileVersion now = examine();
  require(now == version_,
          "{}: was written to while it was being read ({} bytes when it was opened, {} now): expected a file "
          "that stays as it is",
          name_, version_.bytes, now.bytes);
}

}  // namespace yoke::gguf
