// What computing a token reads of memory: what a speed of decoding is held against.
#pragma once

#include <cstdint>
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
  /// Keys and values of each position that is attended to.
  std::uint64_t kv_of_position = 0;
  /// What recurrent layers remember of a sequence, read and written.
  std::uint64_t states = 0;

  /// Of one token that attends to `positions` positions, itself included.
  double total(double positions) const {
    return static_cast<double>(weights + states) + positions * static_cast<double>(kv_of_position);
  }
};

/// The file has been checked against the table.
TokenReads token_reads(const gguf::Model& file, const Config& config, const std::vector<TensorEntry>& table,
                       const ops::Ops& ops);

}  // namespace yoke::model
