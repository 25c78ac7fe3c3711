#include "runtime/strip.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "base/error.h"
#include "runtime/logit_processor.h"
#include "runtime/row_sums.h"

namespace yoke::runtime {
namespace {

using model::Want;
using model::WantedRow;

/// In front of a rank's candidates.
struct CandidatesHead {
  std::int32_t finite = 0;  // 1 or 0
  std::int32_t count = 0;   // of the slots that follow, those in use
};

}  // namespace

Strip::Strip(const StripTools& tools, std::span<const WantedRow> rows, MatrixView<float> logits,
             std::uint64_t digest)
    : tools_(tools),
      rows_(rows),
      logits_(logits),
      columns_(tools.columns(tools.comm.rank())),
      log_probabilities_(tools, rows, logits),
      answers_(tools.comm, rows.size() + 1,
               [this](std::size_t row, int rank) {
                 return row == rows_.size() ? packed_floats<std::uint64_t> : answer_length(rows_[row], rank);
               }),
      sums_(tools.comm, rows.size(),
            [this](std::size_t row, int) { return rows_[row].sums ? packed_floats<Sums> : 0; }) {
  assert(logits.rows == std::ssize(rows) && logits.cols == columns_.size());
  tools_.pool.split(std::ssize(rows), 1, [this](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) answer(static_cast<std::size_t>(row));
  });
  pack(digest, answers_.mine(rows.size()));
  answers_.exchange();
  answer_sums();
  sums_.exchange();
}

std::vector<std::uint64_t> Strip::digests() const {
  std::vector<std::uint64_t> digests;
  for (int rank = 0; rank < tools_.comm.size(); ++rank)
    digests.push_back(unpack<std::uint64_t>(answers_.part(rows_.size(), rank)));
  return digests;
}

std::int64_t Strip::candidate_slots(const WantedRow& row, int rank) const {
  return std::min<std::int64_t>(row.candidates, tools_.columns_below(row.vocabulary_limit, rank));
}

std::int64_t Strip::answer_length(const WantedRow& row, int rank) const {
  switch (row.want) {
    case Want::candidates:
      return packed_floats<CandidatesHead> + candidate_slots(row, rank) * packed_floats<Candidate>;
    case Want::log_probability:
      return 0;
    case Want::logits:
      return tools_.columns(rank).size();
  }
  return 0;
}

void Strip::answer(std::size_t row) {
  const std::span<const float> logits = logits_.row(static_cast<std::int64_t>(row));
  switch (rows_[row].want) {
    case Want::candidates:
      return answer_candidates(row);
    case Want::log_probability:
      return;
    case Want::logits:
      std::copy(logits.begin(), logits.end(), answers_.mine(row).begin());
  }
}

void Strip::answer_candidates(std::size_t row) {
  const WantedRow& wanted = rows_[row];
  const auto n = static_cast<std::size_t>(tools_.columns_below(wanted.vocabulary_limit, tools_.comm.rank()));
  const std::span<float> logits = logits_.row(static_cast<std::int64_t>(row)).first(n);
  const auto first = static_cast<Token>(columns_.begin);
  CandidatesHead head{all_finite(logits) ? 1 : 0, 0};
  std::span<float> slots = answers_.mine(row).subspan(packed_floats<CandidatesHead>);
  if (head.finite == 1) {
    adjust(logits, first, wanted);
    for (const Candidate& candidate : best(logits, first, slots.size() / packed_floats<Candidate>)) {
      pack(candidate, slots);
      slots = slots.subspan(packed_floats<Candidate>);
      ++head.count;
    }
  }
  pack(head, answers_.mine(row));
}

void Strip::answer_sums() {
  std::vector<std::size_t> rows;
  std::vector<std::span<const float>> logits;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (!rows_[row].sums) continue;
    rows.push_back(row);
    logits.emplace_back();
    if (!finite(row)) continue;
    const auto n =
        static_cast<std::size_t>(tools_.columns_below(rows_[row].vocabulary_limit, tools_.comm.rank()));
    logits.back() = logits_.row(static_cast<std::int64_t>(row)).first(n);
  }
  const auto sums = sum_rows<Sums>(tools_.pool, logits, [&](std::size_t i, std::span<const float> part) {
    return add_odds(tools_.kernels, part, top_logit(rows[i]), rows_[rows[i]].temperature);
  });
  for (std::size_t i = 0; i < rows.size(); ++i) pack(sums[i], sums_.mine(rows[i]));
}

bool Strip::finite(std::size_t row) const {
  if (rows_[row].tells_log_probabilities() && !log_probabilities_.finite(row)) return false;
  for (int rank = 0; rank < tools_.comm.size(); ++rank) {
    if (unpack<CandidatesHead>(answers_.part(row, rank)).finite == 0) return false;
  }
  return true;
}

/// The same on every rank, which has the best of each.
float Strip::top_logit(std::size_t row) const {
  float top = -std::numeric_limits<float>::infinity();
  for (int rank = 0; rank < tools_.comm.size(); ++rank) {
    const std::span<const float> part = answers_.part(row, rank);
    if (unpack<CandidatesHead>(part).count == 0) continue;
    top = std::max(top, unpack<Candidate>(part.subspan(packed_floats<CandidatesHead>)).logit);
  }
  return top;
}

Ranking Strip::ranking_of(std::size_t row, int rank) const {
  std::span<const float> part = answers_.part(row, rank);
  const auto head = unpack<CandidatesHead>(part);
  const std::int64_t slots = candidate_slots(rows_[row], rank);
  assert(head.count >= 0 && head.count <= slots);
  Ranking ranking;
  for (std::int32_t i = 0; i < head.count; ++i) {
    part = part.subspan(i == 0 ? packed_floats<CandidatesHead> : packed_floats<Candidate>);
    ranking.candidates.push_back(unpack<Candidate>(part));
  }
  ranking.complete = head.count < slots || slots == tools_.columns_below(rows_[row].vocabulary_limit, rank);
  return ranking;
}

Ranking Strip::ranking(std::size_t row) const {
  std::vector<Ranking> parts;
  for (int rank = 0; rank < tools_.comm.size(); ++rank) parts.push_back(ranking_of(row, rank));
  return merge(parts);
}

Sums Strip::sums(std::size_t row) const {
  Sums sums;
  for (int rank = 0; rank < tools_.comm.size(); ++rank) sums += unpack<Sums>(sums_.part(row, rank));
  return sums;
}

std::vector<float> Strip::logits(std::size_t row) const { return answers_.joined(row); }

std::vector<std::vector<float>> Strip::whole(std::span<const std::int32_t> rows) const {
  for (const std::int32_t row : rows) {
    require(
        row >= 0 && row < std::ssize(rows_) && rows_[static_cast<std::size_t>(row)].want == Want::candidates,
        "a peer asked for the whole of row {}, which is not one of {} or wants no candidates", row,
        rows_.size());
  }
  RowGather gather(tools_.comm, rows.size(), [&](std::size_t i, int rank) {
    return tools_.columns_below(rows_[static_cast<std::size_t>(rows[i])].vocabulary_limit, rank);
  });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<float> mine = gather.mine(i);
    std::copy_n(logits_.row(rows[i]).begin(), mine.size(), mine.begin());
  }
  gather.exchange();
  std::vector<std::vector<float>> whole;
  for (std::size_t i = 0; i < rows.size(); ++i) whole.push_back(gather.joined(i));
  return whole;
}

}  // namespace yoke::runtime
