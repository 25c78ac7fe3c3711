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
  vocabulary,  // rows of the output matrix
};

/// Which dimension of a tensor is split. `rows`: the outermost, each rank computes some outputs (Megatron's
/// column-parallel); `cols`: the innermost, each rank adds some products (row-parallel); `none`: every rank
/// holds the whole.
enum class Axis : std::uint8_t { none, rows, cols };

/// A stretch of the split dimension: every unit of `space`, `width` rows (columns) each. A fused tensor has
/// several.
struct Segment {
  Space space;
  std::int64_t width;
};

struct Split {
  Axis axis = Axis::none;
  std::vector<Segment> segments;
};

/// Where a tensor goes when it is loaded: the member of the family that the forward uses.
using Destination =
    std::variant<ops::RowMatrix*, ops::ColMatrix*, ops::Vector*, ops::Embedding*, std::vector<float>*>;

struct TensorEntry {
  std::string name;                 // "blk.3.attn_q.weight"
  std::vector<std::int64_t> shape;  // outermost first: (rows, cols) or (size)
  Split split;
  int layer = -1;  // -1: outside the layers
  bool optional = false;
  std::string otherwise;  // the tensor to take where this one is absent (tied embeddings)
  Destination destination;
};

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
  void whole(ops::Vector& to, std::string_view name, std::int64_t size);
  void embedding(ops::Embedding& to, std::string_view name, std::vector<std::int64_t> shape);
  /// A bias: whole, or split like the rows it is added to. Absent in most models.
  void bias(ops::Vector& to, std::string_view name, std::int64_t size, std::vector<Segment> segments = {});
  /// Values that the family itself reads (on the host). Absent in most models.
  void values(std::vector<float>& to, std::string_view name, std::int64_t size);
  /// The last entry takes tensor `name` where its own is absent.
  void or_else(std::string name);
  /// The entry `name` of this layer, which other families do without, is no longer optional.
  void must_have(std::string_view name);

  std::vector<TensorEntry> take() { return std::move(entries_); }

 private:
  void add(Destination to, std::string_view name, std::vector<std::int64_t> shape, Split split,
           bool optional);
  /// `name`, with that of the layer in front.
  std::string full_name(std::string_view name) const;

  int layer_ = -1;
  std::vector<TensorEntry> entries_;
};

}  // namespace yoke::model
