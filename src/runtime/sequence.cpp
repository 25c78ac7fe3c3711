#include "runtime/sequence.h"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/sampler.h"

namespace yoke::runtime {
namespace {

/// In pages before the last: a text that others share the beginning of often ends with some words that they
/// do not.
constexpr std::array checkpoint_distances{8, 4, 0};

bool penalises(const Sampling& sampling) {
  return sampling.repetition_penalty != 1 || sampling.presence_penalty != 0 ||
         sampling.frequency_penalty != 0;
}

}  // namespace

Sequence::Sequence(Request request_, std::uint64_t arrival_, std::int32_t expanded_cell)
    : request(std::move(request_)),
      arrival(arrival_),
      reported(request.report_from),
      recent(request.sampling.penalty_window) {
  kind.salt = request.salt;
  const Stretch all{0, static_cast<std::int32_t>(request.prompt.size())};
  kind.forms = Forms(request.given.empty() ? std::span(&all, 1) : request.given, expanded_cell);
  for (const Token token : request.prompt) append(token);
}

void Sequence::append(Token token) {
  tokens.push_back(token);
  if (penalises(request.sampling)) recent.push(token);
}

std::optional<model::WantedRow> Sequence::row_after(std::int32_t position, std::int32_t vocabulary) const {
  const auto next = static_cast<std::size_t>(position) + 1;
  if (request.report != PromptReport::nothing && position < reported) return std::nullopt;
  if (request.report == PromptReport::logits) return model::WantedRow{.want = model::Want::logits};
  if (request.report == PromptReport::log_probabilities && next < tokens.size())
    return model::WantedRow{.target = tokens[next], .want = model::Want::log_probability};
  if (request.max_tokens > 0 && next == tokens.size()) return drawn_row(vocabulary);
  return std::nullopt;
}

std::size_t Sequence::most_reused() const {
  const std::size_t all_but_last = tokens.size() - 1;
  return request.report == PromptReport::nothing ? all_but_last
                                                 : std::min(all_but_last, static_cast<std::size_t>(reported));
}

void Sequence::plan_checkpoints() {
  admitted_pages_ = (size() - 1) / ops::page_positions;  // the last token is computed in any case
  kept_after.clear();
  for (const std::int32_t back : checkpoint_distances) {
    if (admitted_pages_ - back > published) kept_after.push_back(admitted_pages_ - back);
  }
}

bool Sequence::checkpoint_is_due(std::int32_t pages_computed) const {
  return std::find(kept_after.begin(), kept_after.end(), pages_computed) != kept_after.end();
}

model::WantedRow Sequence::drawn_row(std::int32_t vocabulary) const {
  const Sampling& sampling = request.sampling;
  model::WantedRow row;
  row.want = model::Want::candidates;
  for (const TokenBias& bias : sampling.bias) row.bias.push_back({bias.token, bias.bias});
  for (const auto& [token, count] : recent.counts()) row.recent.push_back({token, count});
  row.repetition_penalty = sampling.repetition_penalty;
  row.presence_penalty = sampling.presence_penalty;
  row.frequency_penalty = sampling.frequency_penalty;
  row.temperature = sampling.temperature;
  row.vocabulary_limit = request.vocabulary_limit == 0 ? vocabulary : request.vocabulary_limit;
  row.candidates = candidates_worth_gathering(sampling);
  row.sums = needs_sums(sampling);
  row.log_probabilities = request.log_probabilities;
  return row;
}

std::int32_t pages_of(std::int32_t positions) {
  return (positions + ops::page_positions - 1) / ops::page_positions;
}

}  // namespace yoke::runtime
