// What has been packed of a shard that is not whole yet, kept as it comes, so that a start that is cut off
// was not for nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "base/file_descriptor.h"
#include "model/packed_store.h"
#include "shards/shard_header.h"

namespace yoke::shards {

/// A file beside the shard to be, of shards with one matrix each, one after the other as they came: once it
/// has all, it is the shard. What is torn at the end does not count; damage elsewhere is told by the
/// checksums. One process at a time has it, and one thread uses it.
class UnfinishedShard {
 public:
  /// What is there for another key goes. Throws Error where the file cannot be made, or another process has
  /// it.
  UnfinishedShard(const std::filesystem::path& folder, ShardKey key);

  /// As model::PackedStore has it.
  bool fill(const std::string& name, std::span<std::byte> to, const model::PackedStore::Filled& filled) const;
  /// Whether there is one of that name and size, which may be damaged.
  bool has(const std::string& name, std::uint64_t bytes) const;
  /// Throws Error where the disk takes no more.
  void append(const std::string& name, std::span<const std::byte> packed);

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t bytes() const { return end_; }

 private:
  void read_records();
  void read(std::uint64_t offset, std::span<std::byte> to) const;
  void write(std::span<const std::byte> bytes);

  const std::filesystem::path path_;
  const ShardKey key_;
  FileDescriptor file_;
  std::uint64_t end_ = 0;  // of the last whole record
  std::map<std::string, ShardMatrix, std::less<>> kept_;
};

}  // namespace yoke::shards
