// A model's files as they are, in parts that several machines keep, so that no machine has to have the whole.
//
// The files, one after the other, are cut into blocks of 8 MB, each file from its beginning. Part p of n has
// every n-th block, from the p-th on; and every part has the blocks that the files' headers are in, so that
// each describes the model. A part is a shard (shard_header.h) of the layout of the file, with a matrix
// "names", the paths of the files where the model was, and one "FILE:BLOCK" for each block.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gguf/input.h"
#include "gguf/input_file.h"
#include "gguf/reader.h"
#include "shards/shard_header.h"

namespace yoke::shards {

inline constexpr std::uint64_t replica_block_bytes = std::uint64_t{8} << 20;
/// More machines would keep less than a block each of most models.
inline constexpr int most_replica_parts = 1024;

std::uint64_t replica_blocks(std::uint64_t file_bytes);
/// Which of so many parts has each block of each file, whichever else have it.
std::vector<std::vector<int>> replica_parts_of_blocks(std::span<const gguf::FileVersion> files, int parts);

/// The key of a part: of the model that is asked for by `path`, whatever its path is where it comes from.
ShardKey replica_key(const std::filesystem::path& path, const gguf::Model& model, int part, int parts);

/// A part on this machine's disk. Const members may be called from any thread.
class ReplicaPart {
 public:
  /// Throws Error where it is none, or not whole.
  explicit ReplicaPart(const std::filesystem::path& path);

  const ShardKey& key() const { return header_.key; }
  const std::vector<std::string>& names() const { return names_; }  // of the model's files, where it was
  bool has(std::size_t file, std::uint64_t block) const;
  /// Bytes of one block that it has. Each piece's checksum is compared when it is first read. Throws Error.
  void read(std::size_t file, std::uint64_t offset, std::span<std::byte> to) const;

 private:
  void read_names();
  void index_blocks();
  void check(std::size_t matrix, std::uint64_t piece) const;

  gguf::InputFile file_;
  ShardHeader header_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::size_t>> blocks_;  // of each file: the matrix of each block
  mutable std::vector<std::vector<std::atomic<bool>>>
      sound_;  // the pieces of each matrix, as far as is known
};

/// The parts of one model that this machine has: at least one, all of one replica.
class Replica {
 public:
  /// Of the model of that path, the last used; nothing where the folder has none that can be read.
  static std::shared_ptr<const Replica> find(const std::filesystem::path& folder,
                                             const std::filesystem::path& model);
  explicit Replica(std::vector<std::unique_ptr<const ReplicaPart>> parts) : parts_(std::move(parts)) {}

  const ShardKey& key() const { return parts_.front()->key(); }  // the first part's
  const std::vector<std::string>& names() const { return parts_.front()->names(); }
  std::vector<int> parts() const;
  bool has(std::size_t file, std::uint64_t block) const;
  /// Throws Error for what it does not have, too.
  void read(std::size_t file, std::uint64_t offset, std::span<std::byte> to) const;

 private:
  const ReplicaPart* part_with(std::size_t file, std::uint64_t block) const;
  std::vector<std::unique_ptr<const ReplicaPart>> parts_;
};

/// One of the model's files, as far as this machine has it. That is enough to open the model.
std::unique_ptr<const gguf::Input> open_kept_file(std::shared_ptr<const Replica> replica, std::size_t file);
/// Opens the model's files by their names.
gguf::Opener opener_of(const std::shared_ptr<const Replica>& replica);

/// Called with bytes that have been fetched, and all that are to be; ends the fetching by an exception.
using ReplicaProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;
/// Bytes of a part.
std::uint64_t replica_part_bytes(const gguf::Model& model, int part, int parts);
/// Keeps the part of that key, from the model's files, unless it is there. Goes on where a process before it
/// was cut off. Parts of other replicas of the model go. Throws Error where it cannot be read or kept.
void keep_replica_part(const gguf::Model& model, const ShardKey& key, const std::filesystem::path& folder,
                       std::uint64_t bound, const ReplicaProgress& progress);

}  // namespace yoke::shards
