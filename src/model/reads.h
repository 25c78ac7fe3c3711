// What computing a token reads of memory: what a speed of decoding is held against.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "gguf/reader.h"
#include "model/config.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// In bytes, over all ranks; what several ranks hold counts once.
struct TokenReads {
  /// As stored in the file: every matrix and vector that a forward goes through, and the one row that is
  /// looked up of the embedding; of experts those that a token uses. A tied embedding counts whole, as the
  /// output matrix.
  std::uint64_t weights = 0;
  /// Keys and values of each position, by how far back the layers see that keep them: window and bytes. The
  /// window 0 is that of layers that see all positions.
  std::map<std::int64_t, std::uint64_t> kv_of_position;
  /// What recurrent layers remember of a sequence, read and written.
  std::uint64_t states = 0;

  /// Of a position that all layers see.
  std::uint64_t kv_of_near_position() const;
  /// Of one token that is preceded by `positions` − 1 others.
  double total(double positions) const;
};

/// The file has been checked against the table.
TokenReads token_reads(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                       const ops::Ops& ops);

}  // namespace yoke::model
