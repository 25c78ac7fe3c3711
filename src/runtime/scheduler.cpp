#include "runtime/scheduler.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include "runtime/request_check.h"

namespace yoke::runtime {

Scheduler::Scheduler(const SchedulerLimits& limits)
    : limits_(limits),
      pages_(limits.pages),
      windows_(limits.window_pages),
      states_(limits.checkpoints),
      prefixes_({pages_, windows_, states_, limits.window, limits.recurrent}) {
  assert(std::int64_t{limits.pages} * ops::page_positions >= limits.context);
  assert(limits.window_pages >= limits.slots * ops::pages_touched(limits.window - 1 + limits.prefill_chunk) ||
         limits.window == 0);
  assert(limits.slots > 0 && limits.prefill_chunk >= limits.slots);
  for (std::int32_t slot = limits.slots; slot-- > 0;) free_slots_.push_back(slot);
}

std::optional<std::string> Scheduler::add(const Request& request) {
  if (std::optional<std::string> refused = refusal(request, limits_.vocabulary, limits_.context))
    return refused;
  if (std::ssize(waiting_) >= limits_.waiting)
    return fmt::format("{} requests are waiting already; expected fewer than {}", waiting_.size(),
                       limits_.waiting);
  waiting_.emplace_back(request, arrivals_++, limits_.expanded_cell);
  return std::nullopt;
}

bool Scheduler::cancel(std::uint64_t request) {
  const auto queued = std::find_if(waiting_.begin(), waiting_.end(),
                                   [&](const Sequence& each) { return each.request.id == request; });
  if (queued != waiting_.end()) {
    waiting_.erase(queued);
    return true;
  }
  const Running sequence = find(request);
  if (sequence == running_.end()) return false;
  retire(sequence);
  return true;
}

PlannedStep Scheduler::plan(std::int32_t prompt_tokens) {
  for (Sequence& sequence : running_) {
    publish(sequence);
    release_resumed(sequence);
  }
  admit();
  std::vector<std::int32_t> shares = share_out(prompt_tokens);
  for (std::size_t i = 0; i < running_.size(); ++i) {  // reserving may preempt what stands behind
    if (!reserve(i, running_[i].computed + shares[i])) shares[i] = 0;
  }
  std::vector<std::size_t> order(running_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_partition(order.begin(), order.end(), [this](std::size_t i) { return running_[i].decodes(); });
  PlannedStep step;
  for (const std::size_t i : order) {
    if (shares[i] > 0) plan_sequence(running_[i], shares[i], step);
  }
  for (const std::uint64_t request : step.completed) retire(find(request));
  return step;
}

std::optional<FinishReason> Scheduler::accept(std::uint64_t request, Token token) {
  const Running sequence = find(request);
  assert(sequence != running_.end());
  sequence->append(token);
  const std::optional<FinishReason> reason =
      end_of(sequence->request, sequence->request.prompt.size(),
             static_cast<std::size_t>(sequence->generated()), token, limits_.context);
  if (reason) retire(sequence);
  return reason;
}

void Scheduler::drop(std::uint64_t request) {
  const Running sequence = find(request);
  if (sequence != running_.end()) forget(sequence);
}

Gauges Scheduler::gauges() const {
  Gauges gauges;
  gauges.waiting = static_cast<std::int32_t>(waiting_.size());
  gauges.running = static_cast<std::int32_t>(running_.size());
  gauges.free_slots = static_cast<std::int32_t>(free_slots_.size());
  gauges.pages = pages_.size();
  gauges.free_pages = pages_.available();
  gauges.kept_pages = prefixes_.evictable();
  gauges.used_window_pages = windows_.size() - windows_.available();
  gauges.kept_window_pages = prefixes_.windows();
  gauges.used_checkpoints = states_.size() - states_.available();
  gauges.kept_checkpoints = prefixes_.states();
  gauges.preemptions = preemptions_;
  gauges.reused_tokens = reused_tokens_;
  return gauges;
}

/// The pages that it must have for the tokens that it has and the one to come.
std::int32_t Scheduler::pages_wanted(const Sequence& sequence) const {
  return pages_of(std::min(sequence.size() + 1, limits_.context));
}

/// The pages that running sequences were admitted for and have not taken yet.
std::int32_t Scheduler::promised_pages() const {
  std::int32_t promised = 0;
  for (const Sequence& each : running_)
    promised += std::max(0, pages_wanted(each) - static_cast<std::int32_t>(each.pages.all.size()));
  return promised;
}

void Scheduler::admit() {
  while (!waiting_.empty() && !free_slots_.empty()) {
    Sequence& next = waiting_.front();
    if (limits_.shares_prefixes) next.pages = prefixes_.find(next.tokens, next.most_reused(), next.kind);
    const std::int32_t needed = pages_wanted(next) - static_cast<std::int32_t>(next.pages.all.size());
    if (needed > pages_.available() + prefixes_.evictable() - promised_pages()) {
      give_back(next);
      return;
    }
    start(std::move(next));
    waiting_.pop_front();
  }
}

/// Its pages are those that were known already, and the state the one to go on from.
void Scheduler::start(Sequence sequence) {
  sequence.published = static_cast<std::int32_t>(sequence.pages.all.size());
  sequence.reused = sequence.published * ops::page_positions;
  sequence.computed = sequence.reused;
  sequence.resumed = std::exchange(sequence.pages.states, {});
  if (limits_.recurrent) sequence.plan_checkpoints();
  sequence.slot = free_slots_.back();
  free_slots_.pop_back();
  reused_tokens_ += static_cast<std::uint64_t>(sequence.reused);
  // One that was preempted came before some that run.
  const auto place = std::find_if(running_.begin(), running_.end(),
                                  [&](const Sequence& each) { return each.arrival > sequence.arrival; });
  running_.insert(place, std::move(sequence));
}

/// How many tokens each of running_ is to compute: one where it decodes; the others share what is left.
std::vector<std::int32_t> Scheduler::share_out(std::int32_t prompt_tokens) const {
  std::vector<std::int32_t> shares(running_.size(), 1);
  std::vector<std::size_t> prompts;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (!running_[i].decodes()) prompts.push_back(i);
  }
  const auto n = static_cast<std::int32_t>(prompts.size());
  const auto decoding = static_cast<std::int32_t>(running_.size()) - n;
  std::int32_t budget = limits_.prefill_chunk - decoding;
  if (decoding > 0) budget = std::min(budget, std::max(prompt_tokens, n));
  // The shortest first: what it does not need is for the others.
  std::stable_sort(prompts.begin(), prompts.end(), [this](std::size_t a, std::size_t b) {
    return running_[a].left_for_step() < running_[b].left_for_step();
  });
  for (std::int32_t i = 0; i < n; ++i) {
    const std::size_t at = prompts[static_cast<std::size_t>(i)];
    shares[at] = std::min(running_[at].left_for_step(), budget / (n - i));
    budget -= shares[at];
  }
  return shares;
}

/// Takes pages for the first `positions` of a running sequence. False where they are held by it and those
/// that came before it, which go on; it waits for them then.
bool Scheduler::reserve(std::size_t running, std::int32_t positions) {
  while (static_cast<std::int32_t>(running_[running].pages.all.size()) < pages_of(positions)) {
    if (make_room()) {
      running_[running].pages.all.push_back(pages_.take());
    } else if (running + 1 < running_.size()) {
      preempt_last();
    } else {
      return false;
    }
  }
  return true;
}

/// Whether a page is free, now that a prefix may have been forgotten for it.
bool Scheduler::make_room() { return pages_.available() > 0 || prefixes_.evict(); }

/// It goes back among those that wait, where it was by its arrival; what of it is known as a prefix stays so
/// until the room is needed.
void Scheduler::preempt_last() {
  ++preemptions_;
  Sequence sequence = std::move(running_.back());
  running_.pop_back();
  publish_all(sequence);
  give_back(sequence);
  free_slots_.push_back(sequence.slot);
  sequence.reported = std::max(sequence.reported, sequence.computed);
  sequence.computed = 0;
  const auto place = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Sequence& each) { return each.arrival > sequence.arrival; });
  waiting_.insert(place, std::move(sequence));
}

/// Gives back what the window leaves before the next `tokens` tokens, and takes pages for these.
void Scheduler::slide_window(Sequence& sequence, std::int32_t tokens) {
  if (limits_.window == 0) return;
  PrefixPages& pages = sequence.pages;
  const std::int32_t first = first_seen(sequence.computed, limits_.window) / ops::page_positions;
  const std::int32_t left =
      std::min(first - pages.window_first, static_cast<std::int32_t>(pages.window.size()));
  for (std::int32_t i = 0; i < left; ++i) windows_.drop(pages.window[static_cast<std::size_t>(i)]);
  pages.window.erase(pages.window.begin(), pages.window.begin() + left);
  pages.window_first = first;
  const std::int32_t end = pages_of(sequence.computed + tokens);
  while (first + static_cast<std::int32_t>(pages.window.size()) < end) {
    if (windows_.available() == 0) prefixes_.evict_window();
    pages.window.push_back(windows_.take());
  }
}

/// Has a checkpoint taken of what the batch has computed of the sequence so far, where one is due: it is
/// known as soon as the page is. Of what is generated only the last counts.
void Scheduler::keep_state(Sequence& sequence, model::Batch& batch) {
  const std::int32_t pages = sequence.computed / ops::page_positions;
  if (!limits_.shares_prefixes) return;
  if (sequence.generates_page(pages)) {
    if (!sequence.latest) {
      const std::optional<Page> state = take_state();
      if (!state) return;
      sequence.latest = KeptState{pages, *state};
    }
    sequence.latest->pages = pages;
    batch.keep(limits_.slots + sequence.latest->state);
  } else if (sequence.checkpoint_is_due(pages)) {
    if (const std::optional<Page> state = take_state()) {
      sequence.pages.states.push_back({pages, *state});
      batch.keep(limits_.slots + *state);
    }
  }
}

/// A free one, for which another may have been forgotten; nothing where all are in use.
std::optional<Page> Scheduler::take_state() {
  if (states_.available() == 0 && !prefixes_.evict_state()) return std::nullopt;
  return states_.take();
}

/// What it has gone on from may be written to again, once its first step is computed.
void Scheduler::release_resumed(Sequence& sequence) {
  if (sequence.computed == sequence.reused) return;
  for (const KeptState& each : std::exchange(sequence.resumed, {})) states_.drop(each.state);
}

void Scheduler::plan_sequence(Sequence& sequence, std::int32_t tokens, PlannedStep& step) {
  slide_window(sequence, tokens);
  const std::vector<Page>& all = sequence.pages.all;
  const std::int32_t pages = pages_of(sequence.computed + tokens);
  const std::int32_t index = step.batch.add_sequence(sequence.slot, {all.begin(), all.begin() + pages},
                                                     sequence.kind.forms.expanded_below(sequence.computed),
                                                     {sequence.pages.window_first, sequence.pages.window});
  for (const KeptState& each : sequence.resumed) step.batch.resume(index, limits_.slots + each.state);
  step.requests.push_back(sequence.request.id);
  step.tokens.push_back(tokens);
  step.reused.push_back(sequence.reused);
  for (std::int32_t i = 0; i < tokens; ++i) {
    const std::int32_t position = sequence.computed++;
    step.batch.add(sequence.tokens[static_cast<std::size_t>(position)], position, index);
    if (limits_.recurrent && sequence.computed % ops::page_positions == 0) keep_state(sequence, step.batch);
    std::optional<model::WantedRow> row = sequence.row_after(position, limits_.vocabulary);
    if (!row) continue;
    step.batch.want(*std::move(row));
    step.owners.push_back({sequence.request.id, position});
  }
  if (sequence.left() == 0 && sequence.request.max_tokens == 0) step.completed.push_back(sequence.request.id);
}

/// Makes the full pages of what has been computed known as a prefix.
void Scheduler::publish(Sequence& sequence) {
  const std::int32_t full = sequence.computed / ops::page_positions;
  if (!limits_.shares_prefixes || (full == sequence.published && sequence.pages.states.empty())) return;
  const std::span<const Token> tokens = sequence.tokens;
  prefixes_.publish(tokens.first(static_cast<std::size_t>(full) * ops::page_positions), sequence.kind,
                    sequence.pages);
  sequence.published = full;
}

/// The same of one that runs no longer: the state after the last page that it has generated, too.
void Scheduler::publish_all(Sequence& sequence) {
  if (sequence.latest) sequence.pages.states.push_back(*std::exchange(sequence.latest, std::nullopt));
  publish(sequence);
}

void Scheduler::give_back(Sequence& sequence) {
  for (const Page page : sequence.pages.all) pages_.drop(page);
  for (const Page page : sequence.pages.window) windows_.drop(page);
  for (const KeptState& each : sequence.pages.states) states_.drop(each.state);
  for (const KeptState& each : std::exchange(sequence.resumed, {})) states_.drop(each.state);
  if (sequence.latest) states_.drop(std::exchange(sequence.latest, std::nullopt)->state);
  sequence.pages = {};
}

void Scheduler::retire(Running sequence) {
  publish_all(*sequence);
  forget(sequence);
}

void Scheduler::forget(Running sequence) {
  give_back(*sequence);
  free_slots_.push_back(sequence->slot);
  running_.erase(sequence);
}

Scheduler::Running Scheduler::find(std::uint64_t request) {
  return std::find_if(running_.begin(), running_.end(),
                      [&](const Sequence& each) { return each.request.id == request; });
}

}  // namespace yoke::runtime
