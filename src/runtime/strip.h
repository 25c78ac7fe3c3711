// Some rows of logits that a step wants, as many as are computed at once: each rank works on its own columns,
// then the ranks gather what was wanted of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/view.h"
#include "model/batch.h"
#include "model/partition.h"
#include "runtime/candidates.h"
#include "runtime/log_probabilities.h"
#include "runtime/odds.h"
#include "runtime/row_gather.h"
#include "runtime/strip_tools.h"

namespace yoke::runtime {

class Strip {
 public:
  /// A collective: processes this rank's columns of the rows (`logits`, which are changed) and gathers what
  /// the rows want. Rows and logits outlive the strip. `digest` is what this rank has computed up to here
  /// (step_digest.h).
  Strip(const StripTools& tools, std::span<const model::WantedRow> rows, MatrixView<float> logits,
        std::uint64_t digest = 0);

  std::span<const model::WantedRow> rows() const { return rows_; }
  const LogProbabilities& log_probabilities() const { return log_probabilities_; }

  /// Of every rank, in rank order.
  std::vector<std::uint64_t> digests() const;

  // What was gathered, the same on every rank. `row` counts from the strip's first and wants just that.

  /// False where a row that wants candidates holds what no undamaged model gives, below its limit or, where
  /// it tells log-probabilities, anywhere; then nothing else is known of it.
  bool finite(std::size_t row) const;
  Ranking ranking(std::size_t row) const;
  /// Over the whole row; only where the row wants sums.
  Sums sums(std::size_t row) const;
  std::vector<float> logits(std::size_t row) const;

  /// A collective: gathers the logits, as they were processed, of all ids that may be drawn from some rows
  /// that want candidates; in the order given. Throws Error where a row is not one of those.
  std::vector<std::vector<float>> whole(std::span<const std::int32_t> rows) const;

 private:
  std::int64_t candidate_slots(const model::WantedRow& row, int rank) const;
  std::int64_t answer_length(const model::WantedRow& row, int rank) const;
  void answer(std::size_t row);
  void answer_candidates(std::size_t row);
  void answer_sums();
  float top_logit(std::size_t row) const;
  Ranking ranking_of(std::size_t row, int rank) const;

  const StripTools& tools_;
  std::span<const model::WantedRow> rows_;
  MatrixView<float> logits_;  // of this rank's columns
  model::Range columns_;
  LogProbabilities log_probabilities_;
  RowGather answers_;
  RowGather sums_;
};

}  // namespace yoke::runtime
