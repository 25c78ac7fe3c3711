#include "shards/shard_folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <tuple>

#include "base/bytes.h"
#include "base/error.h"
#include "base/topology.h"

namespace yoke::shards {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds lock_patience{2000};
constexpr milliseconds lock_period{10};
constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t abandoned_after = 3600 * second;  // a writer appends many times a second
constexpr std::uint64_t unwanted_after = 7 * 24 * 3600 * second;

/// As a part of a file's name: letters, digits, '.', '-' and '_', not too many.
std::string plain(std::string name) {
  constexpr std::size_t longest = 80;
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  std::replace_if(
      name.begin(), name.end(), [&](char c) { return !is_plain(c); }, '_');
  return name.substr(0, longest);
}

/// What the shards of one run's ranks have in common: "llama-1.5b-0123456789abcdef."
std::string run_of(const std::string& shard) {
  const std::size_t suffix = shard.size() - std::min(shard.size(), shard_suffix.size());
  return shard.substr(0, shard.rfind('.', suffix == 0 ? 0 : suffix - 1) + 1);
}

std::uint64_t nanoseconds(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * second + static_cast<std::uint64_t>(time.tv_nsec);
}

/// Nothing where it is no regular file.
std::optional<CachedShard> examine(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return CachedShard{path, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim)};
}

/// The regular files of a folder whose names `matches`.
template <class Matches>
std::vector<CachedShard> files_of(const fs::path& folder, Matches matches) {
  std::vector<CachedShard> found;
  std::error_code error;
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
    if (!matches(i->path().filename().string())) continue;
    if (const auto file = examine(i->path())) found.push_back(*file);
  }
  return found;
}

/// What has not been written to for so long, of the files with `part` in their names.
void remove_old(const fs::path& folder, const std::string& part, std::uint64_t age) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto files =
      files_of(folder, [&](const std::string& name) { return name.find(part) != std::string::npos; });
  for (const CachedShard& file : files) {
    if (nanoseconds(now) > file.used && nanoseconds(now) - file.used > age) ::unlink(file.path.c_str());
  }
}

void remove_abandoned(const fs::path& folder) {
  remove_old(folder, std::string(shard_suffix) + ".part-", abandoned_after);
  remove_old(folder, std::string(shard_suffix).append(unfinished_suffix), unwanted_after);
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : "."; }

void check_disk(const fs::path& folder, std::uint64_t bytes, std::uint64_t freed) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return;  // then writing tells
  require(bytes <= space.available || bytes - space.available <= freed,
          "{}: {} are to be written, but its disk has only {} left", folder.string(), format_bytes(bytes),
          format_bytes(space.available));
}

}  // namespace

std::string shard_name(const ShardKey& key) {
  ByteWriter writer;
  writer(key.model, key.ranks);
  const std::vector<std::byte> identity = writer.take();
  return fmt::format("{}-{:016x}.{}-of-{}{}", plain(fs::path(key.model).stem().string()),
                     XXH3_64bits(identity.data(), identity.size()), key.rank, key.ranks, shard_suffix);
}

std::vector<CachedShard> cached_shards(const fs::path& folder) {
  std::vector<CachedShard> shards =
      files_of(folder, [](const std::string& name) { return name.ends_with(shard_suffix); });
  std::erase_if(shards, [](const CachedShard& shard) { return !begins_as_shard(shard.path); });
  std::sort(shards.begin(), shards.end(), [](const CachedShard& a, const CachedShard& b) {
    return std::tie(a.used, a.path) < std::tie(b.used, b.path);
  });
  return shards;
}

bool begins_as_shard(const fs::path& path) {
  // Not blocking: to open a named pipe would wait for its writer.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, shard_magic.size()> start{};
  return file && ::read(file.get(), start.data(), start.size()) == static_cast<ssize_t>(start.size()) &&
         std::string_view(start.data(), start.size()) == shard_magic;
}

void mark_used(const fs::path& path) { static_cast<void>(::utimensat(AT_FDCWD, path.c_str(), nullptr, 0)); }

FolderLock::FolderLock(const fs::path& folder)
    : folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  require(static_cast<bool>(folder_), "{}: cannot be opened: {}", folder.string(), last_system_error());
  const auto deadline = std::chrono::steady_clock::now() + lock_patience;
  while (::flock(folder_.get(), LOCK_EX | LOCK_NB) != 0) {
    require(errno == EWOULDBLOCK || errno == EINTR, "{}: cannot be locked: {}", folder.string(),
            last_system_error());
    require(std::chrono::steady_clock::now() < deadline, "{}: another process keeps it locked",
            folder.string());
    ::poll(nullptr, 0, static_cast<int>(lock_period.count()));
  }
}

void make_room(const fs::path& path, std::uint64_t bytes, std::uint64_t bound, Room room) {
  const fs::path folder = folder_of(path);
  remove_abandoned(folder);
  const std::string run = run_of(path.filename().string());
  std::uint64_t kept = 0, others = 0;
  std::vector<CachedShard> removable;
  for (const CachedShard& shard : cached_shards(folder)) {
    if (shard.path.filename() == path.filename()) continue;  // which is replaced
    const bool of_this_run = run_of(shard.path.filename().string()) == run;
    (of_this_run ? kept : others) += shard.bytes;
    if (!of_this_run) removable.push_back(shard);
  }
  require(bytes <= bound && kept <= bound - bytes,
          "{}: the bound of {} has no room for {} of packed weights{}", folder.string(), format_bytes(bound),
          format_bytes(bytes),
          kept == 0 ? "" : fmt::format(" besides {} of other ranks", format_bytes(kept)));
  std::uint64_t freed = 0;
  std::size_t n = 0;
  while (kept + others - freed > bound - bytes) freed += removable[n++].bytes;
  if (room == Room::wanted) check_disk(folder, bytes, freed);
  for (const CachedShard& shard : std::span(removable).first(n)) ::unlink(shard.path.c_str());
}

}  // namespace yoke::shards
