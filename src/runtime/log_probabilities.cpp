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
  if (telling.empty()) return;
  find_tops(telling, logits);
  tops_.exchange();
  add_up(telling, logits);
  tools.pool.split(std::ssize(telling), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) answer(telling[static_cast<std::size_t>(i)], logits);
  });
  answers_.exchange();
}

/// The tokens whose logits a rank tells: the target, or those that may be drawn with another logit. Some may
/// come twice.
std::vector<Token> LogProbabilities::named(const WantedRow& row, int rank) const {
  std::vector<Token> tokens;
  const auto name = [&](Token token) {
    if (tools_.owns(rank, token)) tokens.push_back(token);
  };
  if (row.want == model::Want::log_probability) name(row.target);
  for (const model::LogitBias& bias : row.bias) name(bias.token);
  for (const model::TokenCount& recent : row.recent) name(recent.token);
  return tokens;
}

std::int64_t LogProbabilities::likeliest_slots(const WantedRow& row, int rank) const {
  if (row.want != model::Want::candidates) return 0;
  return std::min<std::int64_t>(row.log_probabilities, tools_.columns_below(row.vocabulary_limit, rank));
}

std::int64_t LogProbabilities::answer_length(const WantedRow& row, int rank) const {
  if (!row.tells_log_probabilities()) return 0;
  return packed_floats<Exponentials> + std::ssize(named(row, rank)) +
         likeliest_slots(row, rank) * packed_floats<Candidate>;
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

void LogProbabilities::answer(std::size_t row, MatrixView<const float> all) {
  const std::span<const float> logits = all.row(static_cast<std::int64_t>(row));
  const int rank = tools_.comm.rank();
  std::span<float> slots = answers_.mine(row).subspan(packed_floats<Exponentials>);
  for (const Token token : named(rows_[row], rank)) {
    slots[0] = logits[static_cast<std::size_t>(token - tools_.columns(rank).begin)];
    slots = slots.subspan(1);
  }
  if (slots.empty() || !finite(row)) return;
  const std::int64_t below_limit = tools_.columns_below(rows_[row].vocabulary_limit, rank);
  for (const Candidate& candidate :
       best(logits.first(static_cast<std::size_t>(below_limit)),
            static_cast<Token>(tools_.columns(rank).begin), slots.size() / packed_floats<Candidate>)) {
    pack(candidate, slots);
    slots = slots.subspan(packed_floats<Candidate>);
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

double LogProbabilities::of_drawn(std::size_t row, const Candidate& drawn) const {
  const int owner = tools_.owner(drawn.token);
  const std::vector<Token> tokens = named(rows_[row], owner);
  const auto at = std::find(tokens.begin(), tokens.end(), drawn.token);
  if (at == tokens.end()) return of_logit(row, drawn.logit);
  return of_logit(
      row, answers_.part(
               row, owner)[static_cast<std::size_t>(packed_floats<Exponentials> + (at - tokens.begin()))]);
}

std::vector<TokenLogProbability> LogProbabilities::likeliest(std::size_t row) const {
  std::vector<Candidate> all;
  for (int rank = 0; rank < tools_.comm.size(); ++rank) {
    const std::int64_t slots = likeliest_slots(rows_[row], rank);
    std::span<const float> part =
        answers_.part(row, rank).last(static_cast<std::size_t>(slots * packed_floats<Candidate>));
    for (; !part.empty(); part = part.subspan(packed_floats<Candidate>))
      all.push_back(unpack<Candidate>(part));
  }
  std::sort(all.begin(), all.end(), before);
  all.resize(std::min(all.size(), static_cast<std::size_t>(rows_[row].log_probabilities)));
  std::vector<TokenLogProbability> told;
  for (const Candidate& candidate : all)
    told.push_back({candidate.token, static_cast<float>(of_logit(row, candidate.logit))});
  return told;
}

}  // namespace yoke::runtime
