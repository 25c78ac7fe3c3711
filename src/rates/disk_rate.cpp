#include "rates/disk_rate.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <span>
#include <system_error>

#include "base/anonymous_memory.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/thread_pool.h"

namespace yoke::rates {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t mebi = std::uint64_t{1} << 20;
constexpr std::uint64_t piece_bytes = 4 * mebi;  // whole blocks of any disk, as direct reads must be
constexpr int readers = 4;                       // keep a disk busy that works on several requests at once
constexpr std::uint64_t most_read = 1024 * mebi, most_written = 256 * mebi;
constexpr std::chrono::seconds read_patience{1}, write_patience{2};

void check_on_disk(const std::string& name, int file) {
  constexpr std::uint32_t tmpfs = 0x01021994, ramfs = 0x858458f6;  // statfs(2)
  struct statfs status {};
  require(::fstatfs(file, &status) == 0, "{}: cannot be examined: {}", name, last_system_error());
  const auto type = static_cast<std::uint32_t>(status.f_type);
  require(type != tmpfs && type != ramfs, "{}: lies in memory (tmpfs), expected a path on a disk", name);
}

/// Reads what belongs at `offset`; returns how many bytes that were, 0 behind the end of the file, or −1.
ssize_t read_piece(int file, std::uint64_t offset, std::span<std::byte> to) {
  while (true) {
    const ssize_t n = ::pread(file, to.data(), to.size(), static_cast<off_t>(offset));
    if (n >= 0 || errno != EINTR) return n;
  }
}

/// The same file, opened past the system's cache; none where that cannot be.
FileDescriptor open_directly(const std::filesystem::path& path, std::span<std::byte> buffer) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
  // Some file systems refuse only when it comes to reading.
  if (file && read_piece(file.get(), 0, buffer) < 0) file.close();
  return file;
}

DiskRate read_in_pieces(const std::string& name, int file, std::span<std::byte> buffers) {
  ThreadPool pool(readers);
  std::atomic<std::uint64_t> next{0}, bytes{0};
  const Clock::time_point start = Clock::now();
  pool.run([&](int reader) {
    const std::span<std::byte> buffer = buffers.subspan(reader * piece_bytes, piece_bytes);
    while (Clock::now() - start < read_patience) {
      const std::uint64_t offset = next.fetch_add(piece_bytes);
      if (offset >= most_read) return;
      const ssize_t n = read_piece(file, offset, buffer);
      require(n >= 0, "{}: cannot be read: {}", name, last_system_error());
      if (n == 0) return;
      bytes += static_cast<std::uint64_t>(n);
    }
  });
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  return {bytes, elapsed.count(), false};
}

/// `path` leads to the open `file`.
DiskRate read_cold(const std::string& name, const std::filesystem::path& path, int file) {
  const AnonymousMemory buffers(readers * piece_bytes);
  if (const FileDescriptor direct = open_directly(path, buffers.bytes().first(piece_bytes))) {
    DiskRate rate = read_in_pieces(name, direct.get(), buffers.bytes());
    rate.direct = true;
    return rate;
  }
  static_cast<void>(::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));  // a wish
  return read_in_pieces(name, file, buffers.bytes());
}

/// What no disk can make smaller.
void fill_randomly(std::span<std::byte> bytes) {
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i + sizeof(std::uint64_t) <= bytes.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t value = random();
    std::memcpy(bytes.data() + i, &value, sizeof value);
  }
}

void write_piece(const std::string& name, int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    require(n > 0, "{}: a file to read cannot be written there: {}", name, last_system_error());
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

/// Writes until there is enough to read, or it has taken long enough.
void write_sample(const std::string& name, int file) {
  struct statfs status {};
  require(::fstatfs(file, &status) == 0, "{}: cannot be examined: {}", name, last_system_error());
  const std::uint64_t free_bytes =
      static_cast<std::uint64_t>(status.f_bavail) * static_cast<std::uint64_t>(status.f_bsize);
  const std::uint64_t wanted = std::min(most_written, free_bytes / 4);
  require(wanted >= piece_bytes, "{}: too little space is free there for a file to read", name);

  const AnonymousMemory piece(piece_bytes);
  fill_randomly(piece.bytes());
  const Clock::time_point start = Clock::now();
  for (std::uint64_t written = 0; written + piece_bytes <= wanted; written += piece_bytes) {
    if (Clock::now() - start > write_patience) break;
    write_piece(name, file, piece.bytes());
    // Piece by piece, so that none of it waits in memory when time is up.
    require(::fdatasync(file) == 0, "{}: a file to read cannot be written there: {}", name,
            last_system_error());
  }
}

DiskRate measure_folder(const std::string& name) {
  const FileDescriptor file(::open(name.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  require(static_cast<bool>(file), "{}: a nameless file to read cannot be made there: {}; name a large file",
          name, last_system_error());
  check_on_disk(name, file.get());
  write_sample(name, file.get());
  return read_cold(name, fmt::format("/proc/self/fd/{}", file.get()), file.get());
}

DiskRate measure_file(const std::string& name) {
  // Not blocking: to open a named pipe would wait for its writer.
  const FileDescriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  require(static_cast<bool>(file), "{}: cannot be opened: {}", name, last_system_error());
  struct stat status {};
  require(::fstat(file.get(), &status) == 0, "{}: cannot be examined: {}", name, last_system_error());
  require(S_ISREG(status.st_mode), "{}: is neither a file nor a folder", name);
  require(status.st_size > 0, "{}: is empty, expected a file to read", name);
  check_on_disk(name, file.get());
  return read_cold(name, name, file.get());
}

}  // namespace

DiskRate measure_disk(const std::filesystem::path& path) {
  std::error_code ignored;  // whatever it is, opening the file tells
  return std::filesystem::is_directory(path, ignored) ? measure_folder(path.string())
                                                      : measure_file(path.string());
}

}  // namespace yoke::rates
