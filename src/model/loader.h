// From a file to a family on one rank: checks the file against the family's table, then loads this rank's
// parts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/pulse.h"
#include "gguf/reader.h"
#include "model/family.h"
#include "model/packed_store.h"
#include "model/partition.h"
#include "ops/ops.h"

namespace yoke::model {

/// Checks that the file has every tensor of the table in the shape it states, in a format the backend can
/// work with, and none that the family would ignore but those of draft layers that nobody asked for. Throws
/// Error naming the tensor, what was found and what was expected.
void check_tensors(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                   const ops::Ops& ops);

/// What a rank takes of its machine's memory, in bytes.
struct MemoryNeed {
  std::uint64_t weights = 0;
  std::uint64_t kv = 0;
  std::uint64_t scratch = 0;  // activations of the largest step, and logits
  std::uint64_t page = 0;     // of the KV caches: what one page more takes
  std::int64_t pages = 0;     // that they have
  std::uint64_t total() const;
};

/// The largest step that will be asked of a rank.
struct StepLimits {
  ops::CacheSize caches;
  std::int64_t rows = 0;  // of logits that are computed at once
};

/// Bytes that `rank` takes of the file.
std::uint64_t weight_bytes(const gguf::Model& file, const std::vector<TensorEntry>& table,
                           const Partition& partition, int rank);
/// Bytes of the KV caches of `rank`, and of what its recurrent layers remember.
std::uint64_t kv_bytes(const Config& config, const Partition& partition, int rank,
                       const ops::CacheSize& caches, const ops::Ops& ops);
/// All that `rank` will take; the scratch is an upper bound. The file has been checked. What does not fit in
/// 64 bits is the largest number.
MemoryNeed memory_need(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                       const Partition& partition, int rank, const StepLimits& limits, const ops::Ops& ops);

/// Bytes of this rank's share loaded so far, and in all.
using LoadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Loads the parts of `rank` into the table's destinations, in the order of the file; `progress` is called on
/// this thread only, at the start, after each few MB and at the end, and ends the loading by an exception.
/// The file has been checked and stays open for as long as the call. Throws Error where it cannot be read, or
/// was written to meanwhile.
/// Matrices come from `store`, which may be null, where it has them packed. `pulse`, which may be null, ticks
/// as any thread reads.
void load_tensors(const gguf::Model& file, const std::vector<TensorEntry>& table, const Partition& partition,
                  int rank, ops::Ops& ops, const LoadProgress& progress, PackedStore* store = nullptr,
                  Pulse* pulse = nullptr);

}  // namespace yoke::model
