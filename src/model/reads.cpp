#include "model/reads.h"

#include <algorithm>

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

std::uint64_t TokenReads::kv_of_near_position() const {
  std::uint64_t bytes = 0;
  for (const auto& [window, of_position] : kv_of_position) bytes += of_position;
  return bytes;
}

double TokenReads::total(double positions) const {
  double bytes = static_cast<double>(weights + states);
  for (const auto& [window, of_position] : kv_of_position) {
    const double seen = window == 0 ? positions : std::min(positions, static_cast<double>(window));
    bytes += seen * static_cast<double>(of_position);
  }
  return bytes;
}

TokenReads token_reads(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                       const ops::Ops& ops) {
  TokenReads reads;
  for (const TensorEntry& entry : table) {
    if (const gguf::TensorInfo* tensor = find_source(file, entry))
      reads.weights += bytes_read(entry, *tensor);
  }
  const Partition alone(config, table, file, equal_shares(1));
  const ops::CacheSize one_page{.pages = 1, .slots = 1, .step_tokens = 1};
  for (int i = 0; i < static_cast<int>(config.n_layers()); ++i) {
    const std::uint64_t page = ops.kv_cache_bytes(local_heads(config, alone, i, 0), one_page, 0);
    if (page > 0) reads.kv_of_position[config.layers[i].window] += page / ops::page_positions;
    // Read and written.
    reads.states +=
        2 * ops.delta_bytes(local_delta_heads(config, alone, i, 0), config.delta.taps, one_page.states());
  }
  return reads;
}

}  // namespace yoke::model
