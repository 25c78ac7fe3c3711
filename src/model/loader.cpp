#include "model/loader.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/saturating.h"
#include "model/tensor_part.h"

namespace yoke::model {
namespace {

bool is_matrix(const Destination& destination) {
  return std::holds_alternative<ops::RowMatrix*>(destination) ||
         std::holds_alternative<ops::ColMatrix*>(destination);
}

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
  require(entry.shape.size() > 1 || entry.split.axis != Axis::rows || format.block_values == 1,
          "{}: tensor '{}' is a bias stored as {}; expected F32, F16 or BF16", file.path().string(),
          tensor.name, format.name);
}

/// `rank`'s part of a tensor, without a source.
ops::Slice share_of(const TensorEntry& entry, const gguf::TensorInfo& tensor, const Partition& partition,
                    int rank) {
  return slice_of(tensor.type, part(entry, partition, rank));
}

/// An upper bound of what a step needs besides weights and KV.
std::uint64_t scratch_bytes(const Config& config, const Partition& partition, int rank,
                            const StepLimits& limits, const ops::Ops& ops) {
  constexpr std::int64_t largest_cut = 192;  // columns of other ranks in a block of 256
  std::int64_t widest = 0;                   // values of a token that one layer makes on this rank
  std::int64_t split = 0;  // those of them that a matrix is multiplied with whose columns are split
  std::uint64_t attending = 0;
  for (int i = 0; i < static_cast<int>(config.n_layers()); ++i) {
    const ops::Heads heads = local_heads(config, partition, i, rank);
    const std::int64_t attention = (heads.n_heads + heads.n_kv_heads) * (heads.k_dim + heads.v_dim);
    const std::int64_t ffn = partition.range(Space::ffn, i, rank).size();
    widest = std::max(widest, attention + 2 * ffn);
    split = std::max({split, heads.n_heads * heads.v_dim, ffn});
    attending = std::max(attending, ops.attend_bytes(heads, limits.pages, limits.tokens));
  }
  // Of the residual's width: the embedding, two norms, two sums, what is carried from layer to layer, and
  // what the others send for a sum.
  const std::int64_t as_floats = (6 + partition.size()) * config.dim + widest + config.rope.dims;
  // What is multiplied also as bytes with their scales, which take half as much (rows may end in 32 zeros),
  // or with zeros for other ranks' columns at both ends.
  const std::int64_t as_multiplied =
      std::max((2 * config.dim + widest) / 2 + 4 * 16, split + 2 * largest_cut);
  const std::int64_t token = as_floats + as_multiplied;
  const std::int64_t row =
      2 * config.dim + partition.range(Space::vocabulary, 0, rank).size() + 3 * config.vocabulary;
  const std::uint64_t values =
      saturating_sum(saturating_product(limits.tokens, token), saturating_product(limits.rows, row));
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

void load(const ops::Slice& slice, const Destination& destination, ops::Ops& ops) {
  struct Load {
    const ops::Slice& slice;
    ops::Ops& ops;
    void operator()(ops::RowMatrix* to) const { *to = ops.load_rows(slice); }
    void operator()(ops::ColMatrix* to) const { *to = ops.load_cols(slice); }
    void operator()(ops::Vector* to) const { *to = ops.load_vector(slice); }
    void operator()(ops::Embedding* to) const { *to = ops.load_embedding(slice); }
    void operator()(std::vector<float>* to) const { *to = decode(slice); }
  };
  std::visit(Load{slice, ops}, destination);
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
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    require(
        used.contains(tensor.name),
        "{}: tensor '{}' of shape {} is unknown to the {} family, and ignoring it would give wrong results",
        file.path().string(), tensor.name, tensor.shape_text(), config.architecture);
  }
}

std::uint64_t weight_bytes(const gguf::Model& file, const std::vector<TensorEntry>& table,
                           const Partition& partition, int rank) {
  std::uint64_t total = 0;
  for (const TensorEntry& entry : table) {
    if (const gguf::TensorInfo* tensor = find_source(file, entry))
      total += share_of(entry, *tensor, partition, rank).bytes();
  }
  return total;
}

std::uint64_t kv_bytes(const Config& config, const Partition& partition, int rank, std::int64_t pages,
                       const ops::Ops& ops) {
  std::uint64_t total = 0;
  for (int i = 0; i < static_cast<int>(config.n_layers()); ++i) {
    total = saturating_sum(total, ops.kv_cache_bytes(local_heads(config, partition, i, rank), pages));
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
    const ops::Slice slice = share_of(entry, *tensor, partition, rank);
    weights += is_matrix(entry.destination) ? ops.matrix_bytes(slice) : slice.bytes();
  }
  return {weights, kv_bytes(config, partition, rank, limits.pages, ops),
          scratch_bytes(config, partition, rank, limits, ops)};
}

void load_tensors(const gguf::Model& file, const std::vector<TensorEntry>& table, const Partition& partition,
                  int rank, ops::Ops& ops, const LoadProgress& progress, PackedStore* store) {
  const ReadProgress read(weight_bytes(file, table, partition, rank), progress);
  read.report();
  for (const auto& [entry, tensor] : wanted_tensors(file, table)) {
    const TensorPart source(file, *tensor, *entry, part(*entry, partition, rank), read, {}, store);
    load(source.slice(), entry->destination, ops);
  }
  file.check_unchanged();
  read.report();
}

}  // namespace yoke::model
