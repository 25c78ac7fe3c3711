// The table of a family's tensors: what each is called, what shape it must have, how it splits over ranks and
// where it goes. Loader, planner and tests read this one table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gguf/reader.h"
#include "ops/ops.h"

namespace yoke::model {

/// What a split counts in. Which units a rank owns is Partition's business.
enum class Space : std::uint8_t {
  heads,       // query heads
  kv_heads,    // KV heads: those that the rank's query heads read
  ffn,         // units of the feed-forward network
  expert_ffn,  // units of each expert: ranges differ from expert to expert
  shared_ffn,  // units of the experts that every token goes to
  delta,       // key heads of the gated delta rule, with their value heads
  vocabulary,  // rows of the output matrix
};

/// Which dimension of a tensor is split. `rows`: the outermost, each rank computes some outputs (Megatron's
/// column-parallel); `cols`: the innermost, each rank adds some products (row-parallel); `none`: every rank
/// holds the whole.
enum class Axis : std::uint8_t { none, rows, cols };

/// A stretch of the split dimension: every unit of `space`, `width` rows (columns) each. A fused tensor has
/// several, one behind the other.
struct Segment {
  Space space;
  std::int64_t width;
  /// Where a tensor has rows of all kinds for one unit after the other: how many for each, and which is the
  /// first of this segment. Only these are taken. 0: a segment's units follow each other.
  std::int64_t stride = 0;
  std::int64_t first = 0;
};

struct Split {
  Axis axis = Axis::none;
  std::vector<Segment> segments;
};

/// Where a tensor goes when it is loaded: the member of the family that the forward uses.
using Destination = std::variant<ops::RowMatrix*, ops::ColMatrix*, ops::RowExperts*, ops::ColExperts*,
                                 ops::HeadMatrices*, ops::Vector*, ops::Embedding*, std::vector<float>*>;

/// Whether it is multiplied; whether each expert has one.
bool is_matrix(const Destination& destination);
bool is_of_experts(const Destination& destination);

/// Which rows make the matrix of a head, in a tensor whose rows are those of one head after the other.
struct HeadRows {
  std::int64_t of_head = 0;  // rows of the tensor for each head
  std::int64_t first = 0;    // [first, first + n) of them are taken
  std::int64_t n = 0;        // 0: the entry has no matrices of heads
  bool transposed = false;   // whether the matrix is their transpose
};

struct TensorEntry {
  std::string name;                 // "blk.3.attn_q.weight"
  std::vector<std::int64_t> shape;  // outermost first: (rows, cols) or (size), of experts (experts, …)
  Split split;
  int layer = -1;            // -1: outside the layers
  std::int64_t experts = 0;  // that the outermost dimension counts; 0: it is none of theirs
  std::int64_t used = 0;     // of them, by one token
  HeadRows head_rows;
  bool optional = false;
  std::string otherwise;  // the tensor to take where this one is absent (tied embeddings)
  Destination destination;
};

/// What one token uses, through this entry, of an amount that is spread evenly over the tensor: that of so
/// many experts as it goes to, and of the rows that are taken of each head.
std::uint64_t used_of(const TensorEntry& entry, std::uint64_t amount);

/// The tensor of the file that an entry loads from; null where it is absent.
const gguf::TensorInfo* find_source(const gguf::Model& file, const TensorEntry& entry);

/// Makes a table entry by entry. Names get "blk.N." in front between layer(N) and outside_layers().
class TableBuilder {
 public:
  void layer(int index) { layer_ = index; }
  void outside_layers() { layer_ = -1; }

  void rows(ops::RowMatrix& to, std::string_view name, std::vector<std::int64_t> shape,
            std::vector<Segment> segments);
  void cols(ops::ColMatrix& to, std::string_view name, std::vector<std::int64_t> shape,
            std::vector<Segment> segments);
  /// A matrix that every rank holds whole.
  void matrix(ops::RowMatrix& to, std::string_view name, std::vector<std::int64_t> shape);
  /// A matrix of every expert: `shape` is that of all, (experts, rows, cols), of which a token uses `used`.
  void rows(ops::RowExperts& to, std::string_view name, std::vector<std::int64_t> shape, std::int64_t used);
  void cols(ops::ColExperts& to, std::string_view name, std::vector<std::int64_t> shape, std::int64_t used);
  /// A matrix of every query head; `shape` is that of the tensor.
  void heads(ops::HeadMatrices& to, std::string_view name, std::vector<std::int64_t> shape,
             const HeadRows& rows);
  /// A bias of every expert, (experts, size): split like the rows of its matrix, or whole. Absent in most
  /// models.
  void expert_bias(ops::Vector& to, std::string_view name, std::vector<std::int64_t> shape, std::int64_t used,
                   bool split);
  void whole(ops::Vector& to, std::string_view name, std::int64_t size);
  /// Vectors of (rows, size) values of which the rank owns some rows.
  void rows(ops::Vector& to, std::string_view name, std::vector<std::int64_t> shape,
            std::vector<Segment> segments);
  /// A vector for each head, (heads, size), of the heads that the rank owns.
  void of_heads(ops::Vector& to, std::string_view name, std::vector<std::int64_t> shape, Space space);
  void embedding(ops::Embedding& to, std::string_view name, std::vector<std::int64_t> shape);
  /// A bias: whole, or split like the rows it is added to. Absent in most models.
  void bias(ops::Vector& to, std::string_view name, std::int64_t size, std::vector<Segment> segments = {});
  /// Values that the family itself reads (on the host). Absent in most models.
  void values(std::vector<float>& to, std::string_view name, std::int64_t size);
  /// The last entry takes tensor `name` where its own is absent.
  void or_else(std::string name);
  /// Files may lack the last entry.
  void may_lack();
  /// Files may lack the entry `name` of this layer.
  void may_lack(std::string_view name) { find(name).optional = true; }
  /// The entry `name` of this layer, which other families do without, is no longer optional.
  void must_have(std::string_view name) { find(name).optional = false; }

  std::vector<TensorEntry> take() { return std::move(entries_); }

 private:
  TensorEntry& add(Destination to, std::string_view name, std::vector<std::int64_t> shape, Split split,
                   bool optional);
  void add_of_experts(Destination to, std::string_view name, std::vector<std::int64_t> shape, Split split,
                      bool optional, std::int64_t used);
  /// The entry `name` of this layer, which there is.
  TensorEntry& find(std::string_view name);
  /// `name`, with that of the layer in front.
  std::string full_name(std::string_view name) const;

  int layer_ = -1;
  std::vector<TensorEntry> entries_;
};

}  // namespace yoke::model
