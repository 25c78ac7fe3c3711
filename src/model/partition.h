// Which part of every split dimension each rank owns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gguf/reader.h"
#include "model/config.h"
#include "model/tensors.h"

namespace yoke::model {

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

/// Cuts [0, units) into one consecutive range per share, sizes proportional to the shares, borders at
/// multiples of `granule` (but for the end): at the last one that lies less than `ahead`, of [0, 1), granules
/// behind where it should. Every unit lies in exactly one range; ranges may be empty.
std::vector<Range> cut(std::int64_t units, std::int64_t granule, const std::vector<double>& shares,
                       double ahead = 0.5);

/// The ownership of a model's split dimensions by `size` ranks. Immutable, the same on every rank.
class Partition {
 public:
  /// `shares[r]` > 0 is how much rank r takes, relative to the others. Granules follow from the table: a
  /// column split may cut only between blocks of the tensor's format, or inside one at multiples of 64
  /// columns; and ranks own whole KV groups unless they outnumber the KV heads.
  Partition(const Config& config, const std::vector<TensorEntry>& table, const gguf::Model& file,
            const std::vector<double>& shares);

  int size() const { return size_; }
  /// The units of `space` in `layer` (ignored for the vocabulary) that `rank` owns. Ranges of kv_heads may
  /// overlap: those heads are replicated. Of expert_ffn: those of `expert`. Borders lie elsewhere in each, so
  /// that ranks have their shares of all experts together where one does not divide evenly.
  Range range(Space space, int layer, int rank, std::int64_t expert = 0) const;
  /// All units of `space` in `layer`.
  std::int64_t units(Space space, int layer) const;
  /// "heads 0-1 of 8, FFN 0-191 of 768, vocabulary 0-511 of 2048"; of the first layer where layers differ, or
  /// of the first expert of the last one. Heads of the delta rule come behind those of attention.
  std::string describe(int rank) const;

 private:
  struct Layer {
    std::vector<Range> heads, kv_heads, ffn, shared_ffn, delta;
    std::int64_t expert_granule;
  };
  int size_;
  std::vector<double> shares_;
  Config config_;
  std::vector<Layer> layers_;
  std::vector<Range> vocabulary_;
};

/// Equal shares.
std::vector<double> equal_shares(int ranks);

/// Rows and columns of the (outermost first) 2-D view of an entry's tensor: a vector is one row, or, where
/// its values are split, one value per row. Experts, and matrices of heads, lie one below the other.
struct Extent {
  std::int64_t rows;
  std::int64_t cols;
};
Extent extent(const TensorEntry& entry);

/// What `rank` holds of a tensor: runs of rows and one range of columns of its 2-D view.
struct Part {
  std::vector<Range> rows;
  Range cols;
  std::int64_t n_rows() const;
};
Part part(const TensorEntry& entry, const Partition& partition, int rank);
/// The same of each expert's matrix, or of each head's that the rank has, where there are such; else only
/// part().
std::vector<Part> parts(const TensorEntry& entry, const Partition& partition, int rank);

}  // namespace yoke::model
