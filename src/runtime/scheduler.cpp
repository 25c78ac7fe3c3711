#include "runtime/scheduler.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "runtime/request_check.h"
#include "runtime/sampler.h"

namespace yoke::runtime {
namespace {

bool penalises(const Sampling& sampling) {
  return sampling.repetition_penalty != 1 || sampling.presence_penalty != 0 ||
         sampling.frequency_penalty != 0;
}

}  // namespace

Scheduler::Sequence::Sequence(Request request_)
    : request(std::move(request_)), recent(request.sampling.penalty_window) {
  for (const Token token : request.prompt) append(token);
}

void Scheduler::Sequence::append(Token token) {
  tokens.push_back(token);
  if (penalises(request.sampling)) recent.push(token);
}

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits), pages_(limits.pages) {
  assert(std::int64_t{limits.pages} * ops::page_positions >= limits.context);
  assert(limits.slots > 0 && limits.prefill_chunk >= limits.slots);
  for (std::int32_t slot = limits.slots; slot-- > 0;) free_slots_.push_back(slot);
}

std::optional<std::string> Scheduler::add(const Request& request) {
  if (std::optional<std::string> refused = refusal(request, limits_.vocabulary, limits_.context))
    return refused;
  waiting_.push_back(request);
  return std::nullopt;
}

bool Scheduler::cancel(std::uint64_t request) {
  const auto queued =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Request& r) { return r.id == request; });
  if (queued != waiting_.end()) {
    waiting_.erase(queued);
    return true;
  }
  const auto sequence = find(request);
  if (sequence == running_.end()) return false;
  retire(sequence);
  return true;
}

PlannedStep Scheduler::plan() {
  admit();
  PlannedStep step;
  for (Sequence& sequence : running_) {
    if (sequence.generated() > 0) plan_sequence(sequence, 1, step);
  }
  std::int32_t budget = limits_.prefill_chunk - static_cast<std::int32_t>(step.batch.size());
  for (Sequence& sequence : running_) {
    if (sequence.generated() > 0 || budget == 0) continue;
    const std::int32_t taken =
        std::min(static_cast<std::int32_t>(sequence.tokens.size()) - sequence.computed, budget);
    plan_sequence(sequence, taken, step);
    budget -= taken;
  }
  for (const std::uint64_t request : step.completed) retire(find(request));
  return step;
}

std::optional<FinishReason> Scheduler::accept(std::uint64_t request, Token token) {
  const auto sequence = find(request);
  assert(sequence != running_.end());
  sequence->append(token);
  const auto& stops = sequence->request.stop_tokens;
  std::optional<FinishReason> reason;
  if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
    reason = FinishReason::stop_token;
  } else if (sequence->generated() >= sequence->request.max_tokens) {
    reason = FinishReason::length;
  } else if (static_cast<std::int32_t>(sequence->tokens.size()) > limits_.context) {
    reason = FinishReason::context_full;  // the new token has no position left to be computed at
  }
  if (reason) retire(sequence);
  return reason;
}

std::int32_t Scheduler::pages_needed(const Request& request) const {
  const std::int64_t longest = static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens;
  const std::int64_t positions = std::min<std::int64_t>(longest, limits_.context);
  return static_cast<std::int32_t>((positions + ops::page_positions - 1) / ops::page_positions);
}

void Scheduler::admit() {
  while (!waiting_.empty() && !free_slots_.empty() && pages_needed(waiting_.front()) <= pages_.available()) {
    Sequence sequence(std::move(waiting_.front()));
    waiting_.pop_front();
    sequence.pages = pages_.take(pages_needed(sequence.request));
    sequence.slot = free_slots_.back();
    free_slots_.pop_back();
    running_.push_back(std::move(sequence));
  }
}

/// What every rank must know of the row that the sequence's next token is drawn from.
model::WantedRow Scheduler::drawn_row(const Sequence& sequence) const {
  const Request& request = sequence.request;
  const Sampling& sampling = request.sampling;
  model::WantedRow row;
  row.want = model::Want::candidates;
  for (const TokenBias& bias : sampling.bias) row.bias.push_back({bias.token, bias.bias});
  for (const auto& [token, count] : sequence.recent.counts()) row.recent.push_back({token, count});
  row.repetition_penalty = sampling.repetition_penalty;
  row.presence_penalty = sampling.presence_penalty;
  row.frequency_penalty = sampling.frequency_penalty;
  row.temperature = sampling.temperature;
  row.vocabulary_limit = request.vocabulary_limit == 0 ? limits_.vocabulary : request.vocabulary_limit;
  row.candidates = candidates_worth_gathering(sampling);
  row.sums = needs_sums(sampling);
  return row;
}

/// Asks for the row after `position`, the last of the batch so far, where the request needs it.
void Scheduler::want_row(const Sequence& sequence, std::int32_t position, PlannedStep& step) const {
  const Request& request = sequence.request;
  const auto next = static_cast<std::size_t>(position) + 1;
  if (request.report != PromptReport::nothing && position < request.report_from) return;
  model::WantedRow row;
  if (request.report == PromptReport::logits) {
    row.want = model::Want::logits;
  } else if (request.report == PromptReport::log_probabilities && next < sequence.tokens.size()) {
    row.want = model::Want::log_probability;
    row.target = sequence.tokens[next];
  } else if (request.max_tokens > 0 && next == sequence.tokens.size()) {
    row = drawn_row(sequence);
  } else {
    return;
  }
  step.batch.want(std::move(row));
  step.owners.push_back({request.id, position});
}

void Scheduler::plan_sequence(Sequence& sequence, std::int32_t tokens, PlannedStep& step) {
  const std::int32_t pages = (sequence.computed + tokens + ops::page_positions - 1) / ops::page_positions;
  const std::int32_t index =
      step.batch.add_sequence(sequence.slot, {sequence.pages.begin(), sequence.pages.begin() + pages});
  step.requests.push_back(sequence.request.id);
  for (std::int32_t i = 0; i < tokens; ++i) {
    const std::int32_t position = sequence.computed++;
    step.batch.add(sequence.tokens[static_cast<std::size_t>(position)], position, index);
    want_row(sequence, position, step);
  }
  const bool all = sequence.computed == static_cast<std::int32_t>(sequence.tokens.size());
  if (all && sequence.request.max_tokens == 0) step.completed.push_back(sequence.request.id);
}

void Scheduler::retire(std::vector<Sequence>::iterator sequence) {
  pages_.give_back(sequence->pages);
  free_slots_.push_back(sequence->slot);
  running_.erase(sequence);
}

std::vector<Scheduler::Sequence>::iterator Scheduler::find(std::uint64_t request) {
  return std::find_if(running_.begin(), running_.end(),
                      [&](const Sequence& s) { return s.request.id == request; });
}

}  // namespace yoke::runtime
