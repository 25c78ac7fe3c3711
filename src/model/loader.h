// From a file to a family on one rank: checks the file against the family's table, then loads this rank's
// parts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gguf/reader.h"
#include "model/family.h"
#include "model/partition.h"
#include "ops/ops.h"

namespace yoke::model {

/// Checks that the file has every tensor of the table in the shape it states, in a format the backend can
/// work with, and none that the family would ignore. Throws Error naming the tensor, what was found and what
/// was expected.
void check_tensors(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                   const ops::Ops& ops);

/// Bytes that `rank` takes of the file.
std::uint64_t weight_bytes(const gguf::Model& file, const std::vector<TensorEntry>& table,
                           const Partition& partition, int rank);
/// Bytes of the KV caches of `rank`, of `pages` pages.
std::uint64_t kv_bytes(const Config& config, const Partition& partition, int rank, std::int64_t pages);
/// An upper bound of the activations of a step of `tokens` tokens on `rank`, with up to `logits` rows of
/// logits.
std::uint64_t scratch_bytes(const Config& config, const Partition& partition, int rank, std::int64_t tokens,
                            std::int64_t logits);

/// Bytes of this rank's share loaded so far, and in all.
using LoadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Loads the parts of `rank` into the table's destinations. The file has been checked and stays open for as
/// long as the call.
void load_tensors(const gguf::Model& file, const std::vector<TensorEntry>& table, const Partition& partition,
                  int rank, ops::Ops& ops, const LoadProgress& progress);

}  // namespace yoke::model
