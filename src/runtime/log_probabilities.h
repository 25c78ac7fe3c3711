// ln p of tokens by rows of logits as the model gave them, before bias and penalties, of which each rank has
// some columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/view.h"
#include "model/batch.h"
#include "runtime/candidates.h"
#include "runtime/engine.h"
#include "runtime/row_gather.h"
#include "runtime/strip_tools.h"

namespace yoke::runtime {

/// Over the whole vocabulary, ids that only pad it included. What is told is the same on every rank, and the
/// same bits however the vocabulary is split.
class LogProbabilities {
 public:
  /// A collective: adds up this rank's columns of the rows that tell log-probabilities, and gathers what is
  /// to be told. `rows` outlive it; `logits` may be changed afterwards.
  LogProbabilities(const StripTools& tools, std::span<const model::WantedRow> rows,
                   MatrixView<const float> logits);

  // `row` tells log-probabilities.

  /// Whether all logits of the row are.
  bool finite(std::size_t row) const;
  /// Of the row's target. NaN where the row is not finite.
  double of_target(std::size_t row) const;
  /// Of a token that may be drawn from a row that wants candidates; its logit is the one after bias and
  /// penalties.
  double of_drawn(std::size_t row, const Candidate& drawn) const;
  /// Of the likeliest ids below the row's limit, as many as it asks for or all, in the order of candidates.
  std::vector<TokenLogProbability> likeliest(std::size_t row) const;

 private:
  std::int64_t likeliest_slots(const model::WantedRow& row, int rank) const;
  std::vector<Token> named(const model::WantedRow& row, int rank) const;
  std::int64_t answer_length(const model::WantedRow& row, int rank) const;
  void find_tops(std::span<const std::size_t> rows, MatrixView<const float> logits);
  void add_up(std::span<const std::size_t> rows, MatrixView<const float> logits);
  void answer(std::size_t row, MatrixView<const float> logits);
  float top(std::size_t row) const;
  double of_logit(std::size_t row, float logit) const;

  const StripTools& tools_;
  std::span<const model::WantedRow> rows_;
  RowGather tops_;     // the largest of each rank's logits; NaN where one is not finite
  RowGather answers_;  // Exponentials; logits of named tokens; the likeliest as candidates
};

}  // namespace yoke::runtime
