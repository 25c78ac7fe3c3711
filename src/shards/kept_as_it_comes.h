// A shard's use by a start whose model comes over the network, which is dearer than what a disk gives again.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "model/packed_store.h"
#include "shards/shard_cache.h"
#include "shards/unfinished_shard.h"

namespace yoke::shards {

/// The cache, and beside it what there is of a shard that is not whole yet. Trouble with that is never the
/// start's: the cache has a notice of it.
class KeptAsItComes final : public model::PackedStore {
 public:
  /// `cache`, which outlives this, is of the same folder and key.
  KeptAsItComes(ShardCache& cache, const std::filesystem::path& folder, const ShardKey& key);

  bool fill(const std::string& name, std::span<std::byte> to, const Filled& filled) override;
  void keep(const std::string& name, std::span<const std::byte> packed) override;

  /// Makes the shard of what has come, where that is all. False where the cache has to write it.
  bool finish();

 private:
  void give_up(const std::string& why);

  ShardCache& cache_;
  std::optional<UnfinishedShard> unfinished_;
  bool has_all_ = false;  // that was filled or kept
};

}  // namespace yoke::shards
