#include "model/loader.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/saturating.h"
#include "model/tensor_part.h"
#include "model/transposed_part.h"

namespace yoke::model {
namespace {

void check_format(const gguf::Model& file, const TensorEntry& entry, const gguf::TensorInfo& tensor,
                  const ops::Ops& ops) {
  const quant::Format& format = quant::format(tensor.type);
  if (is_matrix(entry.destination)) {
    require(ops.can_multiply(tensor.type), "{}: tensor '{}' is stored as {}, which cannot be multiplied yet",
            file.path().string(), tensor.name, format.name);
  } else {
    require(ops.can_decode(tensor.type), "{}: tensor '{}' is stored as {}, which cannot be decoded yet",
            file.path().string(), tensor.name, format.name);
  }
  require(is_matrix(entry.destination) || entry.split.axis != Axis::rows || format.block_values == 1,
          "{}: tensor '{}' is a bias stored as {}; expected F32, F16 or BF16", file.path().string(),
          tensor.name, format.name);
}

/// `rank`'s parts of a tensor, without a source.
std::vector<ops::Slice> shares_of(const TensorEntry& entry, const gguf::TensorInfo& tensor,
                                  const Partition& partition, int rank) {
  std::vector<ops::Slice> slices;
  for (const Part& one : parts(entry, partition, rank)) slices.push_back(slice_of(tensor.type, one));
  return slices;
}

/// The same as a backend is given them.
std::vector<ops::Slice> loaded_shares_of(const TensorEntry& entry, const gguf::TensorInfo& tensor,
                                         const Partition& partition, int rank) {
  std::vector<ops::Slice> slices = shares_of(entry, tensor, partition, rank);
  if (entry.head_rows.transposed) {
    for (ops::Slice& slice : slices) slice = transposed(slice);
  }
  return slices;
}

/// Values of a token that attention reads, gives and is made of: of latent attention also what queries and
/// keys are made of, both once more when normalised.
std::int64_t attention_values(const Config& config, const ops::Heads& heads) {
  if (config.latent.kv_rank == 0) return (heads.n_heads + heads.n_kv_heads) * (heads.k_dim + heads.v_dim);
  return 2 * (config.latent.q_rank + heads.k_dim) + heads.n_heads * (config.k_dim + config.v_dim);
}

/// The most bytes that a step's attention needs besides.
std::uint64_t attention_bytes(const Config& config, const ops::Heads& heads, int layer,
                              const ops::CacheSize& caches, const ops::Ops& ops) {
  if (config.latent.kv_rank == 0) return ops.attend_bytes(heads, caches, config.layers[layer].window);
  return ops.attend_latents_bytes(heads, config.k_dim, config.v_dim, caches, config.expanded_cell() > 0);
}

/// Values of a token that a recurrent layer makes: what it is given, queries, keys and values before and
/// after the convolution, gates, scores and what they become, and what comes out.
std::int64_t delta_values(const ops::DeltaHeads& heads) {
  return 2 * heads.channels() + heads.n_v_heads() * (2 * heads.v_dim + 4);
}

/// The most units of one expert that `rank` owns, and the most of all those together that a token goes to.
std::int64_t expert_units(const Config& config, const Partition& partition, int layer, int rank) {
  std::int64_t most = 0;
  for (std::int64_t e = 0; e < config.layers[layer].n_experts; ++e)
    most = std::max(most, partition.range(Space::expert_ffn, layer, rank, e).size());
  return most * config.experts.used;
}

/// An upper bound of what a step needs besides weights and KV.
std::uint64_t scratch_bytes(const Config& config, const Partition& partition, int rank,
                            const StepLimits& limits, const ops::Ops& ops) {
  constexpr std::int64_t largest_cut = 192;  // columns of other ranks in a block of 256
  std::int64_t widest = 0;                   // values of a token that one layer makes on this rank
  std::int64_t split = 0;  // those of them that a matrix is multiplied with whose columns are split
  const std::int64_t padding = 4 * 16;  // where rows that are multiplied as bytes end in 32 zeros
  std::int64_t copies = 0;  // of a token's residual: one for each expert that it goes to, and two sums
  std::uint64_t attending = 0;
  for (int i = 0; i < static_cast<int>(config.layers.size()); ++i) {
    const ops::Heads heads = local_heads(config, partition, i, rank);
    const bool sparse = config.layers[i].n_experts > 0;
    const std::int64_t ffn = partition.range(sparse ? Space::shared_ffn : Space::ffn, i, rank).size();
    const std::int64_t experts = expert_units(config, partition, i, rank);
    const ops::DeltaHeads delta = local_delta_heads(config, partition, i, rank);
    // A gate beside each query.
    const std::int64_t gates = config.delta.k_heads > 0 ? heads.n_heads * config.v_dim : 0;
    const std::int64_t mixing = attention_values(config, heads) + gates + delta_values(delta);
    widest = std::max(widest, mixing + 2 * (ffn + experts));
    split = std::max({split, heads.n_heads * config.v_dim, delta.n_v_heads() * delta.v_dim, ffn + experts});
    if (sparse) copies = config.experts.used + 2;
    attending = std::max(attending, attention_bytes(config, heads, i, limits.caches, ops));
  }
  // Of the residual's width: the embedding, two norms, two sums, what is carried from layer to layer, and
  // what the others send for a sum; in a draft also a token, a hidden state, and both together.
  const std::int64_t joined = config.n_drafting > 0 ? 4 : 0;
  const std::int64_t as_floats =
      (6 + copies + partition.size() + joined) * config.dim + widest + config.rope.dims;
  // What is multiplied also as bytes with their scales, which take half as much, or with zeros for other
  // ranks' columns at both ends.
  const std::int64_t as_multiplied =
      std::max(((2 + copies) * config.dim + widest) / 2 + padding, split + 2 * largest_cut);
  const std::int64_t token = as_floats + as_multiplied;
  const std::int64_t row =
      2 * config.dim + partition.range(Space::vocabulary, 0, rank).size() + 3 * config.vocabulary;
  const std::uint64_t values = saturating_sum(saturating_product(limits.caches.step_tokens, token),
                                              saturating_product(limits.rows, row));
  // An arena's blocks are at least so large, and while it grows each may be half empty.
  constexpr std::uint64_t smallest_arena = 256 * 1024;
  return saturating_sum(saturating_product(2, values, sizeof(float)), saturating_product(2, attending),
                        smallest_arena);
}

/// Decodes a whole vector for the family's own use.
std::vector<float> decode(const ops::Slice& slice) {
  std::vector<std::byte> bytes(slice.bytes());
  slice.source->read(0, bytes);
  std::vector<float> values(static_cast<std::size_t>(slice.rows * slice.cols));
  quant::format(slice.type).dequantize(bytes, values);
  return values;
}

/// An entry and the tensor it loads from.
struct Wanted {
  const TensorEntry* entry;
  const gguf::TensorInfo* tensor;
};

/// In the order of the file: a disk is fastest from front to back.
std::vector<Wanted> wanted_tensors(const gguf::Model& file, const std::vector<TensorEntry>& table) {
  std::vector<Wanted> wanted;
  for (const TensorEntry& entry : table) {
    if (const gguf::TensorInfo* tensor = find_source(file, entry)) wanted.push_back({&entry, tensor});
  }
  std::stable_sort(wanted.begin(), wanted.end(), [](const Wanted& a, const Wanted& b) {
    return std::tie(a.tensor->file, a.tensor->offset) < std::tie(b.tensor->file, b.tensor->offset);
  });
  return wanted;
}

/// `slices` are one for each expert, for each of the rank's heads, or a single one.
void load(std::span<const ops::Slice> slices, const TensorEntry& entry, ops::Ops& ops) {
  struct Load {
    std::span<const ops::Slice> slices;
    const TensorEntry& entry;
    ops::Ops& ops;
    void operator()(ops::RowMatrix* to) const { *to = ops.load_rows(slices.front()); }
    void operator()(ops::ColMatrix* to) const { *to = ops.load_cols(slices.front()); }
    void operator()(ops::RowExperts* to) const { *to = ops.load_row_experts(slices); }
    void operator()(ops::ColExperts* to) const { *to = ops.load_col_experts(slices); }
    void operator()(ops::HeadMatrices* to) const {
      const std::int64_t rows = entry.head_rows.n, cols = extent(entry).cols;
      *to = entry.head_rows.transposed ? ops.load_heads(slices, cols, rows)
                                       : ops.load_heads(slices, rows, cols);
    }
    void operator()(ops::Vector* to) const { *to = ops.load_vector(slices.front()); }
    void operator()(ops::Embedding* to) const { *to = ops.load_embedding(slices.front()); }
    void operator()(std::vector<float>* to) const { *to = decode(slices.front()); }
  };
  std::visit(Load{slices, entry, ops}, entry.destination);
}

/// The layer of a tensor "blk.N.…"; nothing where it is of none.
std::optional<std::int64_t> layer_of(std::string_view name) {
  constexpr std::string_view prefix = "blk.";
  if (!name.starts_with(prefix)) return std::nullopt;
  std::int64_t layer = 0;
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), layer);
  const bool is_number = error == std::errc() && end < name.data() + name.size() && *end == '.';
  return is_number ? std::optional(layer) : std::nullopt;
}

/// Whether the tensor belongs to a layer that only foretells further tokens, which nobody asked for. Throws
/// Error where the file counts a layer among those that is none.
bool is_of_skipped_layer(const gguf::Model& file, const gguf::TensorInfo& tensor, const Config& config) {
  const std::optional<std::int64_t> layer = layer_of(tensor.name);
  const std::int64_t first = config.n_layers() + config.n_drafting;
  if (!layer || *layer < first || *layer >= config.n_layers() + config.n_draft_layers) return false;
  const std::string prefix = fmt::format("blk.{}.nextn.", *layer);
  const bool drafts = std::any_of(file.tensors().begin(), file.tensors().end(),
                                  [&](const auto& other) { return other.name.starts_with(prefix); });
  require(drafts,
          "{}: {}.nextn_predict_layers is {}, but layer {}, which would be for drafts, has a tensor '{}' and "
          "none that begins with '{}'",
          file.path().string(), config.architecture, config.n_draft_layers, *layer, tensor.name, prefix);
  return true;
}

/// An optional tensor is in every layer whose table has it, or in none: a file that lacks one has lost it.
/// Layers for drafts may differ from the others.
void check_optional_tensors(const gguf::Model& file, const Config& config,
                            const std::vector<TensorEntry>& table) {
  struct Layers {
    const TensorEntry* with = nullptr;
    const TensorEntry* without = nullptr;
  };
  std::map<std::string_view, Layers> by_name;  // without the layer's
  for (const TensorEntry& entry : table) {
    if (!entry.optional || entry.layer < 0 || entry.layer >= config.n_layers()) continue;
    const std::string_view name = std::string_view(entry.name).substr(entry.name.find('.', 4));
    Layers& layers = by_name[name];
    (find_source(file, entry) != nullptr ? layers.with : layers.without) = &entry;
    if (layers.with == nullptr || layers.without == nullptr) continue;
    fail("{}: tensor '{}' of shape {} is missing; the model needs it, as it has '{}'", file.path().string(),
         layers.without->name, gguf::shape_text(layers.without->shape), layers.with->name);
  }
}

}  // namespace

void check_tensors(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                   const ops::Ops& ops) {
  std::set<std::string_view> used;
  for (const TensorEntry& entry : table) {
    const gguf::TensorInfo* tensor = find_source(file, entry);
    if (tensor == nullptr && entry.optional) continue;
    require(tensor != nullptr, "{}: tensor '{}' of shape {} is missing; a {} model needs it",
            file.path().string(), entry.name, gguf::shape_text(entry.shape), config.architecture);
    require(tensor->shape == entry.shape, "{}: tensor '{}' has shape {}; its metadata calls for {}",
            file.path().string(), tensor->name, tensor->shape_text(), gguf::shape_text(entry.shape));
    check_format(file, entry, *tensor, ops);
    used.insert(tensor->name);
  }
  check_optional_tensors(file, config, table);
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    require(
        used.contains(tensor.name) || is_of_skipped_layer(file, tensor, config),
        "{}: tensor '{}' of shape {} is unknown to the {} family, and ignoring it would give wrong results",
        file.path().string(), tensor.name, tensor.shape_text(), config.architecture);
  }
}

std::uint64_t weight_bytes(const gguf::Model& file, const std::vector<TensorEntry>& table,
                           const Partition& partition, int rank) {
  std::uint64_t total = 0;
  for (const TensorEntry& entry : table) {
    const gguf::TensorInfo* tensor = find_source(file, entry);
    if (tensor == nullptr) continue;
    for (const ops::Slice& slice : shares_of(entry, *tensor, partition, rank)) total += slice.bytes();
  }
  return total;
}

std::uint64_t kv_bytes(const Config& config, const Partition& partition, int rank,
                       const ops::CacheSize& caches, const ops::Ops& ops) {
  std::uint64_t total = 0;
  for (int i = 0; i < static_cast<int>(config.layers.size()); ++i) {
    const ops::Heads heads = local_heads(config, partition, i, rank);
    const ops::DeltaHeads delta = local_delta_heads(config, partition, i, rank);
    total = saturating_sum(total, ops.kv_cache_bytes(heads, caches, config.layers[i].window),
                           ops.delta_bytes(delta, config.delta.taps, caches.states()));
  }
  return total;
}

std::uint64_t MemoryNeed::total() const { return saturating_sum(weights, kv, scratch); }

MemoryNeed memory_need(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                       const Partition& partition, int rank, const StepLimits& limits, const ops::Ops& ops) {
  std::uint64_t weights = 0;
  for (const TensorEntry& entry : table) {
    const gguf::TensorInfo* tensor = find_source(file, entry);
    if (tensor == nullptr) continue;
    for (const ops::Slice& slice : loaded_shares_of(entry, *tensor, partition, rank))
      weights += is_matrix(entry.destination) ? ops.matrix_bytes(slice) : slice.bytes();
  }
  const std::uint64_t kv = kv_bytes(config, partition, rank, limits.caches, ops);
  ops::CacheSize larger = limits.caches;
  ++larger.pages;
  return {weights, kv, scratch_bytes(config, partition, rank, limits, ops),
          kv_bytes(config, partition, rank, larger, ops) - kv, limits.caches.pages};
}

void load_tensors(const gguf::Model& file, const std::vector<TensorEntry>& table, const Partition& partition,
                  int rank, ops::Ops& ops, const LoadProgress& progress, PackedStore* store, Pulse* pulse) {
  const ReadProgress read(weight_bytes(file, table, partition, rank), progress, pulse);
  read.report();
  for (const auto& [entry, tensor] : wanted_tensors(file, table)) {
    // What is not packed is in the file as it is in the store: that is of use where the file is far only.
    PackedStore* const kept = is_matrix(entry->destination) || file.is_far() ? store : nullptr;
    std::deque<TensorPart> sources;
    std::deque<TransposedPart> turned;
    std::vector<ops::Slice> slices;
    for (Part& one : parts(*entry, partition, rank)) {
      sources.emplace_back(file, *tensor, *entry, std::move(one), read, ReadSizes{}, kept);
      slices.push_back(sources.back().slice());
      if (entry->head_rows.transposed) slices.back() = turned.emplace_back(slices.back()).slice();
    }
    load(slices, *entry, ops);
  }
  file.check_unchanged();
  read.report();
}

}  // namespace yoke::model
