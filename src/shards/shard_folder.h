// A folder of shards, bounded in size and shared by all that use it: processes of one machine, or of several
// where it lies on a network disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "shards/shard_header.h"

namespace yoke::shards {

inline constexpr std::string_view shard_suffix = ".yoke-shard";
/// Behind a shard's name: what there is of it so far (unfinished_shard.h).
inline constexpr std::string_view unfinished_suffix = ".unfinished";

/// The name of the file for a key: "llama-1.5b-0123456789abcdef.1-of-4.yoke-shard", of a part of a replica
/// "….replica-1-of-4.yoke-shard". It depends on the model's path, the rank and the ranks alone, so that what
/// is made later for these replaces what is stale.
std::string shard_name(const ShardKey& key);

/// The parts of replicas (replica.h) of the model of that path which a folder has, the last used first.
std::vector<std::filesystem::path> replica_parts(const std::filesystem::path& folder,
                                                 const std::string& model);

struct CachedShard {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::uint64_t used = 0;  // nanoseconds, as the file system counts time
};

/// The regular files of that suffix in a folder which begin as shards do, the least recently used first. None
/// where there is no such folder.
std::vector<CachedShard> cached_shards(const std::filesystem::path& folder);

/// Whether the file's start is a shard's. False where it cannot be read.
bool begins_as_shard(const std::filesystem::path& path);

/// Tells that a shard is in use now. Where the system refuses, it counts as used when it was written.
void mark_used(const std::filesystem::path& path);

/// While it lives, no other process makes room in the folder.
class FolderLock {
 public:
  /// Waits for another process, a few seconds at most. Throws Error.
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  FileDescriptor folder_;
};

/// Whether bytes are to come to a disk, or are on it already, under another name or none.
enum class Room : std::uint8_t { wanted, taken };

/// Removes the least recently used shards until `bytes` more, which are to become `path`, make no more than
/// `bound` in all. What one start may keep beside it stays: other ranks' shards, parts of a replica. Removes
/// what dead processes have left unfinished, too. Throws Error where there cannot be room: nothing is removed
/// then.
void make_room(const std::filesystem::path& path, std::uint64_t bytes, std::uint64_t bound,
               Room room = Room::wanted);

/// Makes a file of the folder, of so many bytes, the shard of that path; where there is no room for it, it
/// goes. Throws Error then.
void adopt(const std::filesystem::path& file, std::uint64_t bytes, const std::filesystem::path& shard,
           std::uint64_t bound);

}  // namespace yoke::shards
