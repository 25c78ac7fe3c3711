#include "runtime/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/logit_processor.h"
#include "runtime/odds.h"
#include "runtime/row_sums.h"

namespace yoke::runtime {
namespace {

using model::WantedRow;

/// −∞ where there is none, NaN where one is not finite.
float largest(std::span<const float> logits) {
  if (!all_finite(logits)) return std::numeric_limits<float>::quiet_NaN();
  float top = -std::numeric_limits<float>::infinity();
  for (const float logit : logits) top = logit > top ? logit : top;
  return top;
}

}  // namespace

LogProbabilities::LogProbabilities(const StripTools& tools, std::span<const WantedRow> rows,
                                   MatrixView<const float> logits)
    : tools_(tools),
      rows_(rows),
      tops_(tools.comm, rows.size(),
            [rows](std::size_t row, int) { return rows[row].tells_log_probabilities() ? 1 : 0; }),
      answers_(tools.comm, rows.size(),
               [this](std::size_t row, int rank) { return answer_length(rows_[row], rank); }) {
  std::vector<std::size_t> telling;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows[row].tells_log_probabilities()) telling.push_back(row);
  }
  find_tops(telling, logits);
  tops_.exchange();
  add_up(telling, logits);
  for (const std::size_t row : telling) answer(row, logits.row(static_cast<std::int64_t>(row)));
  answers_.exchange();
}

/// The tokens whose logits a rank tells.
std::vector<Token> LogProbabilities::named(const WantedRow& row, int rank) const {
  if (!tools_.owns(rank, row.target)) return {};
  return {row.target};
}

std::int64_t LogProbabilities::answer_length(const WantedRow& row, int rank) const {
  if (!row.tells_log_probabilities()) return 0;
  return packed_floats<Exponentials> + std::ssize(named(row, rank));
}

void LogProbabilities::find_tops(std::span<const std::size_t> rows, MatrixView<const float> logits) {
  tools_.pool.split(std::ssize(rows), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::size_t row = rows[static_cast<std::size_t>(i)];
      tops_.mine(row)[0] = largest(logits.row(static_cast<std::int64_t>(row)));
    }
  });
}

void LogProbabilities::add_up(std::span<const std::size_t> rows, MatrixView<const float> logits) {
  std::vector<std::span<const float>> columns(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (finite(rows[i])) columns[i] = logits.row(static_cast<std::int64_t>(rows[i]));
  }
  const auto sums =
      sum_rows<Exponentials>(tools_.pool, columns, [&](std::size_t i, std::span<const float> part) {
        return add_exponentials(tools_.kernels, part, top(rows[i]));
      });
  for (std::size_t i = 0; i < rows.size(); ++i) pack(sums[i], answers_.mine(rows[i]));
}

void LogProbabilities::answer(std::size_t row, std::span<const float> logits) {
  const int rank = tools_.comm.rank();
  std::span<float> slots = answers_.mine(row).subspan(packed_floats<Exponentials>);
  for (const Token token : named(rows_[row], rank)) {
    slots[0] = logits[static_cast<std::size_t>(token - tools_.columns(rank).begin)];
    slots = slots.subspan(1);
  }
}

float LogProbabilities::top(std::size_t row) const {
  float top = -std::numeric_limits<float>::infinity();
  for (int rank = 0; rank < tools_.comm.size(); ++rank) {
    const float part = tops_.part(row, rank)[0];
    if (std::isnan(part)) return part;
    top = std::max(top, part);
  }
  return top;
}

bool LogProbabilities::finite(std::size_t row) const { return !std::isnan(top(row)); }

double LogProbabilities::of_logit(std::size_t row, float logit) const {
  Exponentials sum;
  for (int rank = 0; rank < tools_.comm.size(); ++rank) sum += unpack<Exponentials>(answers_.part(row, rank));
  return log_probability(logit, top(row), sum);
}

double LogProbabilities::of_target(std::size_t row) const {
  const int owner = tools_.owner(rows_[row].target);
  return of_logit(row, answers_.part(row, owner)[packed_floats<Exponentials>]);
}

}  // namespace yoke::runtime
