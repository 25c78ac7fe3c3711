#include "shards/unfinished_shard.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "shards/shard_folder.h"

namespace yoke::shards {
namespace {

namespace fs = std::filesystem;

fs::path path_in(const fs::path& folder, const ShardKey& key) {
  return folder / shard_name(key).append(unfinished_suffix);
}

FileDescriptor open_alone(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  require(!error, "{}: cannot be made: {}", path.parent_path().string(), error.message());
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  require(static_cast<bool>(file), "{}: cannot be opened: {}", path.string(), last_system_error());
  require(::flock(file.get(), LOCK_EX | LOCK_NB) == 0, "{}: another process has it", path.string());
  return file;
}

}  // namespace

UnfinishedShard::UnfinishedShard(const fs::path& folder, ShardKey key)
    : path_(path_in(folder, key)), key_(std::move(key)), file_(open_alone(path_)) {
  read_records();
  const bool cut = ::ftruncate(file_.get(), static_cast<off_t>(end_)) == 0 &&
                   ::lseek(file_.get(), static_cast<off_t>(end_), SEEK_SET) >= 0;
  require(cut, "{}: cannot be cut to its first {} bytes: {}", path_.string(), end_, last_system_error());
}

void UnfinishedShard::read_records() {
  struct stat status {};
  require(::fstat(file_.get(), &status) == 0, "{}: cannot be examined: {}", path_.string(),
          last_system_error());
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  const auto read_at = [this](std::uint64_t offset, std::span<std::byte> to) { read(offset, to); };
  while (end_ < bytes) {
    try {
      ShardHeader record = read_shard_record(read_at, end_, bytes, path_.string());
      if (!shard_difference(record.key, key_).empty() || shard_record_end(record) > bytes) return;
      end_ = shard_record_end(record);
      for (ShardMatrix& matrix : record.matrices) kept_.insert_or_assign(matrix.name, std::move(matrix));
    } catch (const Error&) {
      return;  // torn, or none of ours
    }
  }
}

bool UnfinishedShard::has(const std::string& name, std::uint64_t bytes) const {
  const auto found = kept_.find(name);
  return found != kept_.end() && found->second.bytes == bytes;
}

bool UnfinishedShard::fill(const std::string& name, std::span<std::byte> to,
                           const model::PackedStore::Filled& filled) const {
  if (!has(name, to.size())) return false;
  const ShardMatrix& matrix = kept_.find(name)->second;
  for (std::size_t i = 0; i < matrix.checksums.size(); ++i) {
    const std::uint64_t begin = i * shard_piece_bytes;
    const auto piece = to.subspan(begin, std::min<std::uint64_t>(shard_piece_bytes, to.size() - begin));
    read(matrix.offset + begin, piece);
    if (shard_checksum(piece) != matrix.checksums[i]) return false;
    filled(piece.size());
  }
  return true;
}

void UnfinishedShard::append(const std::string& name, std::span<const std::byte> packed) {
  ShardMatrix matrix{name, packed.size(), {}, 0};
  for (std::uint64_t begin = 0; begin < packed.size(); begin += shard_piece_bytes)
    matrix.checksums.push_back(shard_checksum(
        packed.subspan(begin, std::min<std::uint64_t>(shard_piece_bytes, packed.size() - begin))));
  ShardHeader record{key_, {std::move(matrix)}};
  write(write_shard_header(record));
  write(packed);
  const std::uint64_t end = shard_record_end(record);
  write(std::vector<std::byte>(end - shard_file_bytes(record)));
  record.matrices.front().offset += std::exchange(end_, end_ + end);
  kept_.insert_or_assign(name, std::move(record.matrices.front()));
}

void UnfinishedShard::read(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t n = ::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    require(n > 0, "{}: {} bytes at offset {} cannot be read", path_.string(), to.size(), offset);
    offset += static_cast<std::uint64_t>(n);
    to = to.subspan(static_cast<std::size_t>(n));
  }
}

void UnfinishedShard::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    require(n > 0, "{}: cannot be written to: {}", path_.string(), last_system_error());
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace yoke::shards
