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
constexpr std::string_view replica_kind = "replica-";

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

/// What a shard's name tells: "llama-1.5b-0123456789abcdef", "replica-", "4".
struct NameParts {
  std::string_view model;
  std::string_view kind;  // empty: of packed weights
  std::string_view of;    // ranks, or parts
};
NameParts split_name(std::string_view name) {
  name.remove_suffix(name.ends_with(shard_suffix) ? shard_suffix.size() : 0);
  const std::size_t dot = std::min(name.rfind('.'), name.size());
  NameParts parts{name.substr(0, dot), {}, {}};
  name.remove_prefix(std::min(dot + 1, name.size()));
  if (name.starts_with(replica_kind)) parts.kind = replica_kind;
  const std::size_t of = name.find("-of-");
  if (of != std::string_view::npos) parts.of = name.substr(of + 4);
  return parts;
}

/// Whether what one start keeps may have both names.
bool belong_together(std::string_view a, std::string_view b) {
  const NameParts of_a = split_name(a), of_b = split_name(b);
  return of_a.model == of_b.model && (of_a.kind != of_b.kind || of_a.of == of_b.of);
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
  return fmt::format("{}-{:016x}.{}{}-of-{}{}", plain(fs::path(key.model).stem().string()),
                     XXH3_64bits(key.model.data(), key.model.size()),
                     key.layout == layout_of_file ? replica_kind : "", key.rank, key.ranks, shard_suffix);
}

std::vector<fs::path> replica_parts(const fs::path& folder, const std::string& model) {
  const std::string name = shard_name({layout_of_file, model, 0, {}, 0, 1});
  std::vector<fs::path> found;
  for (const CachedShard& shard : cached_shards(folder)) {
    const std::string file = shard.path.filename();
    const NameParts parts = split_name(file);
    if (parts.kind == replica_kind && parts.model == split_name(name).model) found.push_back(shard.path);
  }
  std::reverse(found.begin(), found.end());
  return found;
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
  const std::string name = path.filename().string();
  std::uint64_t kept = 0, others = 0;
  std::vector<CachedShard> removable;
  for (const CachedShard& shard : cached_shards(folder)) {
    if (shard.path.filename() == path.filename()) continue;  // which is replaced
    const bool of_this_run = belong_together(shard.path.filename().native(), name);
    (of_this_run ? kept : others) += shard.bytes;
    if (!of_this_run) removable.push_back(shard);
  }
  require(bytes <= bound && kept <= bound - bytes, "{}: the bound of {} has no room for {} of weights{}",
          folder.string(), format_bytes(bound), format_bytes(bytes),
          kept == 0 ? "" : fmt::format(" besides {} of the same model", format_bytes(kept)));
  std::uint64_t freed = 0;
  std::size_t n = 0;
  while (kept + others - freed > bound - bytes) freed += removable[n++].bytes;
  if (room == Room::wanted) check_disk(folder, bytes, freed);
  for (const CachedShard& shard : std::span(removable).first(n)) ::unlink(shard.path.c_str());
}

void adopt(const fs::path& file, std::uint64_t bytes, const fs::path& shard, std::uint64_t bound) {
  std::error_code error;
  try {
    const FolderLock lock(shard.parent_path());
    make_room(shard, bytes, bound, Room::taken);
    fs::rename(file, shard, error);
    require(!error, "{}: cannot be renamed: {}", file.string(), error.message());
  } catch (const Error&) {
    fs::remove(file, error);
    throw;
  }
}

}  // namespace yoke::shards
