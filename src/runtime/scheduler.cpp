#include "runtime/scheduler.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <cmath>

namespace yoke::runtime {

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits), pages_(limits.pages) {
  assert(std::int64_t{limits.pages} * ops::page_positions >= limits.context);
  assert(limits.prefill_chunk > 0 && limits.max_rows > 0);
}

std::optional<std::string> Scheduler::add(const Request& request) {
  const auto prompt = static_cast<std::int64_t>(request.prompt.size());
  if (prompt == 0) return "the prompt is empty; expected at least one token";
  if (prompt > limits_.context) {
    return fmt::format("the prompt has {} tokens, but the context holds {}", prompt, limits_.context);
  }
  for (const Token token : request.prompt) {
    if (token < 0 || token >= limits_.vocabulary) {
      return fmt::format("token {} is out of range; the vocabulary has ids 0 to {}", token,
                         limits_.vocabulary - 1);
    }
  }
  if (request.max_tokens < 0) {
    return fmt::format("{} tokens were asked for; expected 0 or more", request.max_tokens);
  }
  if (!(request.sampling.temperature >= 0) || std::isinf(request.sampling.temperature)) {
    return fmt::format("the temperature is {}; expected 0 or a positive number",
                       request.sampling.temperature);
  }
  if (request.vocabulary_limit < 0 || request.vocabulary_limit > limits_.vocabulary) {
    return fmt::format("ids below {} were asked for; the vocabulary has {}", request.vocabulary_limit,
                       limits_.vocabulary);
  }
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
  // However many decode, a prompt goes on by a token at least.
  const auto decoding = static_cast<std::int32_t>(step.batch.size());
  std::int32_t budget = std::max(1, limits_.prefill_chunk - decoding);
  std::int32_t spare_rows =
      limits_.max_rows - static_cast<std::int32_t>(running_.size());  // each may want one
  for (Sequence& sequence : running_) {
    if (sequence.generated() > 0 || budget == 0) continue;
    std::int32_t taken =
        std::min(static_cast<std::int32_t>(sequence.tokens.size()) - sequence.computed, budget);
    if (sequence.request.report == PromptReport::logits) {
      taken = std::min(taken, 1 + spare_rows);
      spare_rows -= taken - 1;
    }
    plan_sequence(sequence, taken, step);
    budget -= taken;
  }
  for (const std::uint64_t request : step.completed) retire(find(request));
  return step;
}

std::optional<FinishReason> Scheduler::accept(std::uint64_t request, Token token) {
  const auto sequence = find(request);
  assert(sequence != running_.end());
  sequence->tokens.push_back(token);
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
  while (!waiting_.empty() && static_cast<std::int32_t>(running_.size()) < limits_.max_rows &&
         pages_needed(waiting_.front()) <= pages_.available()) {
    Sequence sequence;
    sequence.request = std::move(waiting_.front());
    waiting_.pop_front();
    sequence.tokens = sequence.request.prompt;
    sequence.pages = pages_.take(pages_needed(sequence.request));
    running_.push_back(std::move(sequence));
  }
}

void Scheduler::plan_sequence(Sequence& sequence, std::int32_t tokens, PlannedStep& step) {
  const Request& request = sequence.request;
  const auto index = static_cast<std::int32_t>(step.batch.page_tables.size());
  const std::int32_t pages = (sequence.computed + tokens + ops::page_positions - 1) / ops::page_positions;
  step.batch.page_tables.emplace_back(sequence.pages.begin(), sequence.pages.begin() + pages);
  step.requests.push_back(request.id);
  for (std::int32_t i = 0; i < tokens; ++i) {
    const std::int32_t position = sequence.computed++;
    const bool last = sequence.computed == static_cast<std::int32_t>(sequence.tokens.size());
    const bool samples = last && request.max_tokens > 0;
    const bool reports = request.report == PromptReport::logits && sequence.generated() == 0;
    step.batch.add(sequence.tokens[static_cast<std::size_t>(position)], position, index, samples || reports);
    if (samples || reports) {
      step.wanted.push_back(
          {request.id, position, request.sampling, request.vocabulary_limit, samples, reports});
    }
    if (last && !samples) step.completed.push_back(request.id);
  }
}

void Scheduler::retire(std::vector<Sequence>::iterator sequence) {
  pages_.give_back(sequence->pages);
  running_.erase(sequence);
}

std::vector<Scheduler::Sequence>::iterator Scheduler::find(std::uint64_t request) {
  return std::find_if(running_.begin(), running_.end(),
                      [&](const Sequence& s) { return s.request.id == request; });
}

}  // namespace yoke::runtime
