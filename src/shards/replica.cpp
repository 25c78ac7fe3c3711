#include "shards/replica.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "gguf/fingerprint.h"
#include "shards/shard_folder.h"
#include "shards/unfinished_shard.h"

namespace yoke::shards {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view names_matrix = "names";
constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

struct Block {
  std::size_t file = 0;
  std::uint64_t number = 0;
  bool operator==(const Block&) const = default;
};

std::string name_of(const Block& block) { return fmt::format("{}:{}", block.file, block.number); }

/// Nothing where it is no block's name.
std::optional<Block> block_named(std::string_view name) {
  Block block;
  const char* const end = name.data() + name.size();
  const auto file = std::from_chars(name.data(), end, block.file);
  if (file.ec != std::errc() || file.ptr == end || *file.ptr != ':') return std::nullopt;
  const auto number = std::from_chars(file.ptr + 1, end, block.number);
  return number.ec == std::errc() && number.ptr == end ? std::optional(block) : std::nullopt;
}

std::uint64_t bytes_of(std::uint64_t block, std::uint64_t file_bytes) {
  return std::min(replica_block_bytes, file_bytes - block * replica_block_bytes);
}

/// The blocks at the beginning of a file that whoever opens it may read.
std::uint64_t header_blocks(const gguf::Model& model, std::size_t file) {
  constexpr std::uint64_t first_read = std::uint64_t{1} << 20;
  const std::uint64_t bytes = model.versions()[file].bytes;
  std::uint64_t end = bytes;
  for (const gguf::TensorInfo& tensor : model.tensors())
    if (static_cast<std::size_t>(tensor.file) == file) end = std::min(end, tensor.offset);
  // A header is read in pieces of twice what was read before.
  return replica_blocks(std::min(bytes, std::bit_ceil(std::max(end, first_read))));
}

/// In the order of the files, each once.
std::vector<Block> blocks_of_part(const gguf::Model& model, int part, int parts) {
  const auto part_of = replica_parts_of_blocks(model.versions(), parts);
  std::vector<Block> blocks;
  for (std::size_t file = 0; file < part_of.size(); ++file) {
    const std::uint64_t of_header = header_blocks(model, file);
    for (std::uint64_t number = 0; number < part_of[file].size(); ++number)
      if (number < of_header || part_of[file][number] == part) blocks.push_back({file, number});
  }
  return blocks;
}

/// How many of the blocks, from the first on, are whole ones of one file at equal distances.
std::size_t even_run(std::span<const Block> blocks, const std::vector<gguf::FileVersion>& files) {
  const auto is_whole = [&](const Block& block) {
    return bytes_of(block.number, files[block.file].bytes) == replica_block_bytes;
  };
  std::size_t n = 1;
  while (n < blocks.size() && blocks[n].file == blocks[0].file && is_whole(blocks[n]) &&
         blocks[n].number - blocks[n - 1].number == blocks[1].number - blocks[0].number)
    ++n;
  return n;
}

std::vector<std::byte> encoded(const std::vector<std::string>& names) {
  ByteWriter writer;
  writer(names);
  return writer.take();
}

/// Fetches blocks into a shard, asked for all at once as far as they lie evenly.
class Fetching {
 public:
  Fetching(const gguf::Model& model, UnfinishedShard& shard, const ReplicaProgress& progress)
      : model_(model), shard_(shard), progress_(progress) {}

  void run(const std::vector<Block>& blocks) {
    std::vector<Block> missing;
    for (const Block& block : blocks) {
      const std::uint64_t bytes = bytes_of(block.number, files_[block.file].bytes);
      total_ += bytes;
      shard_.has(name_of(block), bytes) ? void(done_ += bytes) : missing.push_back(block);
    }
    progress_(done_, total_);
    for (std::span<const Block> left = missing; !left.empty();) {
      const std::size_t n = even_run(left, files_);
      fetch(left.first(n));
      left = left.subspan(n);
    }
  }

 private:
  void fetch(std::span<const Block> run) {
    const gguf::Input& input = model_.input(static_cast<int>(run[0].file));
    const std::uint64_t bytes = bytes_of(run[0].number, input.bytes());
    const std::uint64_t distance = run.size() > 1 ? run[1].number - run[0].number : 1;
    const gguf::EvenPieces pieces{run[0].number * replica_block_bytes, bytes, distance * replica_block_bytes,
                                  run.size()};
    input.expect_pieces(pieces);
    buffer_.resize(bytes);
    for (std::size_t i = 0; i < run.size(); ++i) {
      input.read_pieces(pieces.part(i, 1), buffer_);
      shard_.append(name_of(run[i]), buffer_);
      done_ += bytes;
      progress_(done_, total_);
    }
  }

  const gguf::Model& model_;
  const std::vector<gguf::FileVersion> files_ = model_.versions();
  UnfinishedShard& shard_;
  const ReplicaProgress& progress_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::vector<std::byte> buffer_;
};

bool is_there(const fs::path& path, const ShardKey& key) {
  std::error_code error;
  if (!fs::exists(path, error)) return false;
  try {
    return shard_difference(ReplicaPart(path).key(), key).empty();
  } catch (const Error&) {
    return false;  // it is replaced
  }
}

void remove_other_replicas(const fs::path& folder, const ShardKey& key) {
  for (const fs::path& path : replica_parts(folder, key.model)) {
    try {
      const ReplicaPart part(path);
      ShardKey same = key;
      same.rank = part.key().rank;
      if (shard_difference(part.key(), same).empty()) continue;
    } catch (const Error&) {
      // of no use to anybody
    }
    std::error_code ignored;
    fs::remove(path, ignored);
  }
}

class KeptFile final : public gguf::Input {
 public:
  KeptFile(std::shared_ptr<const Replica> replica, std::size_t file)
      : replica_(std::move(replica)), file_(file) {}

  const std::string& name() const override { return replica_->names()[file_]; }
  const gguf::FileVersion& version() const override { return replica_->key().files[file_]; }
  void read(std::uint64_t offset, std::span<std::byte> to) const override {
    while (!to.empty()) {
      const std::uint64_t left = replica_block_bytes - offset % replica_block_bytes;
      const std::size_t n = std::min<std::uint64_t>(left, to.size());
      replica_->read(file_, offset, to.first(n));
      offset += n;
      to = to.subspan(n);
    }
  }

 private:
  const std::shared_ptr<const Replica> replica_;
  const std::size_t file_;
};

}  // namespace

std::uint64_t replica_blocks(std::uint64_t file_bytes) {
  return file_bytes / replica_block_bytes + (file_bytes % replica_block_bytes == 0 ? 0 : 1);
}

std::vector<std::vector<int>> replica_parts_of_blocks(std::span<const gguf::FileVersion> files, int parts) {
  std::vector<std::vector<int>> part_of;
  std::uint64_t before = 0;
  for (const gguf::FileVersion& file : files) {
    std::vector<int>& of_file = part_of.emplace_back();
    const std::uint64_t blocks = replica_blocks(file.bytes);
    for (std::uint64_t block = 0; block < blocks; ++block)
      of_file.push_back(static_cast<int>((before + block) % static_cast<std::uint64_t>(parts)));
    before += blocks;
  }
  return part_of;
}

ShardKey replica_key(const fs::path& path, const gguf::Model& model, int part, int parts) {
  return {layout_of_file,
          fs::absolute(path).lexically_normal().string(),
          gguf::fingerprint(model),
          model.versions(),
          part,
          parts};
}

ReplicaPart::ReplicaPart(const fs::path& path)
    : file_(path, "a part of a replica"), header_(read_shard_header(file_)) {
  const ShardKey& key = header_.key;
  require(key.layout == layout_of_file, "{}: holds packed weights, expected a part of a replica",
          file_.name());
  require(key.ranks > 0 && key.ranks <= most_replica_parts && key.rank >= 0 && key.rank < key.ranks,
          "{}: is part {} of {} of a replica", file_.name(), key.rank, key.ranks);
  for (const ShardMatrix& matrix : header_.matrices) sound_.emplace_back(matrix.checksums.size());
  read_names();
  index_blocks();
}

void ReplicaPart::read_names() {
  const auto found = std::find_if(header_.matrices.begin(), header_.matrices.end(),
                                  [](const ShardMatrix& matrix) { return matrix.name == names_matrix; });
  require(found != header_.matrices.end() && found->bytes <= shard_piece_bytes,
          "{}: does not tell the names of the model's files", file_.name());
  check(static_cast<std::size_t>(found - header_.matrices.begin()), 0);
  std::vector<std::byte> bytes(found->bytes);
  file_.read(found->offset, bytes);
  ByteReader reader(bytes, file_.name());
  reader(names_);
  reader.end();
  require(!names_.empty() && names_.size() == header_.key.files.size(),
          "{}: tells the names of {} files and the sizes of {}", file_.name(), names_.size(),
          header_.key.files.size());
}

void ReplicaPart::index_blocks() {
  // So many blocks as sizes tell are worth a table only where the part may have its share of them.
  std::uint64_t blocks = 0;
  for (const gguf::FileVersion& file : header_.key.files) blocks += replica_blocks(file.bytes);
  require(blocks / static_cast<std::uint64_t>(header_.key.ranks) <= header_.matrices.size(),
          "{}: has {} matrices for part {} of {} blocks", file_.name(), header_.matrices.size(),
          header_.key.ranks, blocks);
  const auto part_of = replica_parts_of_blocks(header_.key.files, header_.key.ranks);
  for (const auto& of_file : part_of) blocks_.emplace_back(of_file.size(), nowhere);
  for (std::size_t i = 0; i < header_.matrices.size(); ++i) {
    const ShardMatrix& matrix = header_.matrices[i];
    const std::optional<Block> block = block_named(matrix.name);
    if (!block) continue;
    require(block->file < blocks_.size() && block->number < blocks_[block->file].size() &&
                matrix.bytes == bytes_of(block->number, header_.key.files[block->file].bytes),
            "{}: has {} bytes of block {} of file {}, which the model has not", file_.name(), matrix.bytes,
            block->number, block->file);
    blocks_[block->file][block->number] = i;
  }
  for (std::size_t file = 0; file < part_of.size(); ++file)
    for (std::size_t block = 0; block < part_of[file].size(); ++block)
      require(part_of[file][block] != header_.key.rank || has(file, block), "{}: lacks block {} of {}",
              file_.name(), block, names_[file]);
}

bool ReplicaPart::has(std::size_t file, std::uint64_t block) const {
  return file < blocks_.size() && block < blocks_[file].size() && blocks_[file][block] != nowhere;
}

void ReplicaPart::read(std::size_t file, std::uint64_t offset, std::span<std::byte> to) const {
  if (to.empty()) return;
  const std::uint64_t block = offset / replica_block_bytes, within = offset % replica_block_bytes;
  require(has(file, block), "{}: has no block {} of file {}", file_.name(), block, file);
  const std::size_t matrix = blocks_[file][block];
  require(within + to.size() <= header_.matrices[matrix].bytes,
          "{}: {} bytes at offset {} of {} leave a block", file_.name(), to.size(), offset, names_[file]);
  const std::uint64_t last = (within + to.size() - 1) / shard_piece_bytes;
  for (std::uint64_t piece = within / shard_piece_bytes; piece <= last; ++piece) check(matrix, piece);
  file_.read(header_.matrices[matrix].offset + within, to);
}

void ReplicaPart::check(std::size_t matrix, std::uint64_t piece) const {
  if (sound_[matrix][piece].load(std::memory_order_acquire)) return;
  const ShardMatrix& all = header_.matrices[matrix];
  const std::uint64_t begin = piece * shard_piece_bytes;
  std::vector<std::byte> bytes(std::min(shard_piece_bytes, all.bytes - begin));
  file_.read(all.offset + begin, bytes);
  require(
      shard_checksum(bytes) == all.checksums[piece],
      "{}: is damaged: a checksum of '{}' differs; remove it, and start with --replicate where the model is",
      file_.name(), all.name);
  sound_[matrix][piece].store(true, std::memory_order_release);
}

std::shared_ptr<const Replica> Replica::find(const fs::path& folder, const fs::path& model) {
  std::vector<std::unique_ptr<const ReplicaPart>> parts;
  const std::string path = fs::absolute(model).lexically_normal().string();
  for (const fs::path& each : replica_parts(folder, path)) {
    try {
      auto part = std::make_unique<const ReplicaPart>(each);
      ShardKey first = parts.empty() ? part->key() : parts.front()->key();
      first.rank = part->key().rank;
      if (part->key().model == path && shard_difference(part->key(), first).empty())
        parts.push_back(std::move(part));
    } catch (const Error&) {
      continue;  // a start with --replicate replaces it
    }
  }
  return parts.empty() ? nullptr : std::make_shared<const Replica>(std::move(parts));
}

std::vector<int> Replica::parts() const {
  std::vector<int> numbers;
  for (const auto& part : parts_) numbers.push_back(part->key().rank);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

const ReplicaPart* Replica::part_with(std::size_t file, std::uint64_t block) const {
  const auto found =
      std::find_if(parts_.begin(), parts_.end(), [&](const auto& part) { return part->has(file, block); });
  return found == parts_.end() ? nullptr : found->get();
}

bool Replica::has(std::size_t file, std::uint64_t block) const { return part_with(file, block) != nullptr; }

void Replica::read(std::size_t file, std::uint64_t offset, std::span<std::byte> to) const {
  const ReplicaPart* const part = part_with(file, offset / replica_block_bytes);
  require(part != nullptr, "{}: this machine keeps a part of it only, without the bytes from {} on",
          names().at(file), offset);
  part->read(file, offset, to);
}

std::unique_ptr<const gguf::Input> open_kept_file(std::shared_ptr<const Replica> replica, std::size_t file) {
  return std::make_unique<const KeptFile>(std::move(replica), file);
}

gguf::Opener opener_of(const std::shared_ptr<const Replica>& replica) {
  return [replica](const fs::path& path) {
    const std::vector<std::string>& names = replica->names();
    const auto found = std::find(names.begin(), names.end(), path.string());
    require(found != names.end(), "{}: the replica of {} has no such file", path.string(), names.front());
    return open_kept_file(replica, static_cast<std::size_t>(found - names.begin()));
  };
}

std::uint64_t replica_part_bytes(const gguf::Model& model, int part, int parts) {
  const std::vector<gguf::FileVersion> files = model.versions();
  std::uint64_t bytes = 0;
  for (const Block& block : blocks_of_part(model, part, parts))
    bytes += bytes_of(block.number, files[block.file].bytes);
  return bytes;
}

void keep_replica_part(const gguf::Model& model, const ShardKey& key, const fs::path& folder,
                       std::uint64_t bound, const ReplicaProgress& progress) {
  const fs::path path = folder / shard_name(key);
  if (is_there(path, key)) return mark_used(path);
  UnfinishedShard unfinished(folder, key);
  const std::uint64_t bytes = replica_part_bytes(model, key.rank, key.ranks);
  {
    const FolderLock lock(folder);
    make_room(path, bytes - std::min(bytes, unfinished.bytes()), bound);
  }
  const std::vector<std::byte> names = encoded(model.names());
  if (!unfinished.has(std::string(names_matrix), names.size()))
    unfinished.append(std::string(names_matrix), names);
  Fetching(model, unfinished, progress).run(blocks_of_part(model, key.rank, key.ranks));
  model.check_unchanged();
  adopt(unfinished.path(), unfinished.bytes(), path, bound);
  remove_other_replicas(folder, key);
}

}  // namespace yoke::shards
