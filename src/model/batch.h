// The work of one step, as plain bytes: the leader makes it, every rank receives the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "ops/ops.h"

namespace yoke::model {

struct Batch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> positions;     // of each token in its sequence
  std::vector<std::int32_t> sequences;     // of each token: index into page_tables
  std::vector<std::uint8_t> wants_logits;  // 1 where the token's logits are asked for
  std::vector<std::vector<std::int32_t>> page_tables;

  std::int64_t size() const { return static_cast<std::int64_t>(tokens.size()); }
  /// Adds a token and returns its row in the batch. Tokens of one sequence are added in the order of their
  /// positions.
  std::int64_t add(std::int32_t token, std::int32_t position, std::int32_t sequence, bool wants);
  /// Views of this batch for the backend; they live as long as it does and is not changed.
  ops::Step step() const;

  /// Throws Error where the lists do not fit together, as those of a damaged message.
  void check() const;
};

void fields(auto& archive, Is<Batch> auto& batch) {
  archive(batch.tokens, batch.positions, batch.sequences, batch.wants_logits, batch.page_tables);
}

}  // namespace yoke::model
