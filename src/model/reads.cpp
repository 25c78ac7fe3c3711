#include "model/reads.h"

#include "model/family.h"
#include "model/loader.h"
#include "model/partition.h"

namespace yoke::model {
namespace {

/// What a forward of one token reads of a tensor.
std::uint64_t bytes_read(const TensorEntry& entry, const gguf::TensorInfo& tensor) {
  if (std::holds_alternative<std::vector<float>*>(entry.destination)) return 0;  // read when it is loaded
  const bool lookup = std::holds_alternative<ops::Embedding*>(entry.destination);
  return lookup ? quant::format(tensor.type).bytes(extent(entry).cols) : used_of(entry, tensor.bytes);
}

}  // namespace

TokenReads token_reads(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                       const ops::Ops& ops) {
  TokenReads reads;
  for (const TensorEntry& entry : table) {
    if (const gguf::TensorInfo* tensor = find_source(file, entry))
      reads.weights += bytes_read(entry, *tensor);
  }
  const Partition alone(config, table, file, equal_shares(1));
  const ops::CacheSize one_page{.pages = 1, .slots = 1, .step_tokens = 1};
  std::uint64_t states = 0;
  for (int i = 0; i < static_cast<int>(config.n_layers()); ++i)
    states += ops.delta_bytes(local_delta_heads(config, alone, i, 0), config.delta.taps, one_page.slots);
  reads.kv_of_position = (kv_bytes(config, alone, 0, one_page, ops) - states) / ops::page_positions;
  reads.states = 2 * states;
  return reads;
}

}  // namespace yoke::model
