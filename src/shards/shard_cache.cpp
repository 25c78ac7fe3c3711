#include "shards/shard_cache.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/output_file.h"
#include "gguf/fingerprint.h"
#include "kernels/panels.h"
#include "shards/shard_folder.h"

namespace yoke::shards {
namespace {

namespace fs = std::filesystem;

/// Piece i of a matrix's bytes.
template <class Bytes>
Bytes piece(Bytes bytes, std::uint64_t i) {
  const std::uint64_t begin = i * shard_piece_bytes;
  return bytes.subspan(begin, std::min<std::uint64_t>(shard_piece_bytes, bytes.size() - begin));
}

/// The first of what several threads find wrong.
class FirstSentence {
 public:
  bool empty() const { return !found_.load(std::memory_order_relaxed); }
  void set(const std::string& sentence) {
    const std::lock_guard lock(mutex_);
    if (!found_.exchange(true)) sentence_ = sentence;
  }
  std::string take() { return std::move(sentence_); }

 private:
  std::atomic<bool> found_ = false;
  std::mutex mutex_;
  std::string sentence_;
};

}  // namespace

ShardKey shard_key(const gguf::Model& model, int rank, int ranks) {
  std::error_code error;
  const fs::path path = fs::canonical(model.path(), error);
  return {kernels::panel_layout_version,
          (error ? fs::absolute(model.path()) : path).string(),
          gguf::fingerprint(model),
          model.versions(),
          rank,
          ranks};
}

ShardCache::ShardCache(const fs::path& folder, std::uint64_t bound, ShardKey key, ThreadPool& pool)
    : path_(folder / shard_name(key)), bound_(bound), key_(std::move(key)), pool_(pool) {
  try {
    open();
  } catch (const Error& error) {
    give_up(error.what());
  }
}

void ShardCache::open() {
  std::error_code error;
  if (!fs::exists(path_, error)) return;
  gguf::InputFile file(path_, "a shard");
  ShardHeader header = read_shard_header(file);
  const std::string difference = shard_difference(header.key, key_);
  require(difference.empty(), "{}: {}", file.name(), difference);
  auto shard = std::make_unique<Shard>(Shard{std::move(file), std::move(header), {}});
  for (std::size_t i = 0; i < shard->header.matrices.size(); ++i)
    shard->by_name.insert_or_assign(shard->header.matrices[i].name, i);
  shard_ = std::move(shard);
  mark_used(path_);
}

bool ShardCache::fill(const std::string& name, std::span<std::byte> to, const Filled& filled) {
  if (shard_ == nullptr) return false;
  const ShardMatrix* const matrix = find(name, to.size());
  const std::string wrong = matrix == nullptr
                                ? fmt::format("{}: has no '{}' of {} bytes", path_.string(), name, to.size())
                                : read(*matrix, to, filled);
  if (!wrong.empty()) {
    give_up(wrong);
    return false;
  }
  matrices_.push_back({name, to});
  bytes_read_ += to.size();
  return true;
}

/// Null where there is no such matrix of so many bytes. The next one that is likely to be asked for is
/// fetched.
const ShardMatrix* ShardCache::find(const std::string& name, std::uint64_t bytes) {
  const auto found = shard_->by_name.find(name);
  if (found == shard_->by_name.end()) return nullptr;
  const std::vector<ShardMatrix>& matrices = shard_->header.matrices;
  if (found->second + 1 < matrices.size()) {
    const ShardMatrix& next = matrices[found->second + 1];
    shard_->file.expect(next.offset, next.bytes);
  }
  const ShardMatrix& matrix = matrices[found->second];
  return matrix.bytes == bytes ? &matrix : nullptr;
}

/// What is wrong with it; empty where it has been read.
std::string ShardCache::read(const ShardMatrix& matrix, std::span<std::byte> to, const Filled& filled) const {
  FirstSentence wrong;
  const auto read_piece = [&](std::uint64_t i) {
    const std::span<std::byte> part = piece(to, i);
    try {
      shard_->file.read(matrix.offset + i * shard_piece_bytes, part);
      require(shard_checksum(part) == matrix.checksums[i], "{}: '{}' is damaged: a checksum differs",
              path_.string(), matrix.name);
    } catch (const Error& error) {
      wrong.set(error.what());
      return;
    }
    filled(part.size());
  };
  pool_.split(static_cast<std::int64_t>(matrix.checksums.size()), 1,
              [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end && wrong.empty(); ++i)
                  read_piece(static_cast<std::uint64_t>(i));
              });
  return wrong.take();
}

void ShardCache::keep(const std::string& name, std::span<const std::byte> packed) {
  if (shard_ != nullptr) give_up(fmt::format("{}: is of no use for '{}'", path_.string(), name));
  matrices_.push_back({name, packed});
}

/// What is loaded from here on is packed from the model's file; the shard is replaced.
void ShardCache::give_up(const std::string& why) {
  shard_.reset();
  notices_.push_back(fmt::format("{}; the weights are packed again", why));
}

/// Whether the shard holds just what was loaded.
bool ShardCache::is_complete() const {
  return shard_ != nullptr && matrices_.size() == shard_->header.matrices.size();
}

ShardHeader ShardCache::describe() const {
  struct Piece {
    std::size_t matrix;
    std::uint64_t number;
  };
  ShardHeader header{key_, {}};
  std::vector<Piece> pieces;
  for (const Matrix& matrix : matrices_) {
    const std::uint64_t n = shard_pieces(matrix.bytes.size());
    for (std::uint64_t i = 0; i < n; ++i) pieces.push_back({header.matrices.size(), i});
    header.matrices.push_back({matrix.name, matrix.bytes.size(), std::vector<std::uint64_t>(n), 0});
  }
  pool_.split(static_cast<std::int64_t>(pieces.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto [matrix, number] = pieces[static_cast<std::size_t>(i)];
      header.matrices[matrix].checksums[number] = shard_checksum(piece(matrices_[matrix].bytes, number));
      pool_.pulse().tick();
    }
  });
  return header;
}

void ShardCache::write(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  if (matrices_.empty() || is_complete()) return;
  bool interrupted = false;
  try {
    write_file([&](std::uint64_t done, std::uint64_t total) {
      interrupted = true;
      progress(done, total);
      interrupted = false;
    });
  } catch (const Error& error) {
    if (interrupted) throw;
    notices_.push_back(fmt::format("{}; the packed weights are not kept", error.what()));
  }
}

void ShardCache::adopt(const fs::path& file, std::uint64_t bytes) {
  try {
    shards::adopt(file, bytes, path_, bound_);
    bytes_written_ = bytes;
  } catch (const Error& error) {
    notices_.push_back(fmt::format("{}; the packed weights are not kept", error.what()));
  }
}

void ShardCache::write_file(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  constexpr std::size_t at_once = std::size_t{4} << 20;
  const fs::path folder = path_.parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  require(!error, "{}: cannot be made: {}", folder.string(), error.message());
  ShardHeader header = describe();
  const std::vector<std::byte> start = write_shard_header(header);
  const std::uint64_t total = shard_file_bytes(header);
  {
    const FolderLock lock(folder);
    make_room(path_, total, bound_);
  }
  OutputFile file(path_);
  std::uint64_t done = 0;
  const auto append = [&](std::span<const std::byte> bytes) {
    file.append(bytes);
    done += bytes.size();
    progress(done, total);
  };
  append(start);
  const std::vector<std::byte> gap(shard_alignment);
  for (std::size_t i = 0; i < matrices_.size(); ++i) {
    if (header.matrices[i].offset > done) append(std::span(gap).first(header.matrices[i].offset - done));
    for (auto left = matrices_[i].bytes; !left.empty(); left = left.subspan(std::min(at_once, left.size())))
      append(left.first(std::min(at_once, left.size())));
  }
  // Others may have filled the room meanwhile.
  const FolderLock lock(folder);
  make_room(path_, total, bound_, Room::taken);
  // A shard that a loss of power has left incomplete fails its checksums.
  file.commit(OutputFile::Durability::in_system);
  bytes_written_ = total;
}

}  // namespace yoke::shards
