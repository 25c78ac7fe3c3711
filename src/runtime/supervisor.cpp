#include "runtime/supervisor.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/seconds.h"
#include "runtime/request_check.h"

namespace yoke::runtime {
namespace {

/// Before another engine is started, after so many deaths: whoever restarts a machine needs a while.
std::chrono::milliseconds pause_after(int deaths) {
  return std::chrono::milliseconds(deaths <= 1 ? 0 : 1000 << (2 * (deaths - 2)));
}

bool is_overdue(const Request& request, std::chrono::milliseconds since) {
  return request.deadline_milliseconds > 0 && since.count() >= request.deadline_milliseconds;
}

std::chrono::milliseconds age_of(const Owed& owed) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Owed::Clock::now() - owed.submitted);
}

FailedEvent failure_of(const Owed& guilty, const std::string& sentence) {
  const std::size_t tokens = guilty.tokens.size();
  return {guilty.request.id,
          fmt::format("the engine has crashed twice over this request, after {} token{} of its answer each "
                      "time, so it is not tried again: {}",
                      tokens, tokens == 1 ? "" : "s", sentence)};
}

}  // namespace

Request rest_of(const Request& request, const std::vector<Token>& tokens, std::int32_t told,
                std::chrono::milliseconds since) {
  Request rest = request;
  if (rest.given.empty()) rest.given = {{0, static_cast<std::int32_t>(rest.prompt.size())}};
  rest.prompt.insert(rest.prompt.end(), tokens.begin(), tokens.end());
  rest.max_tokens -= static_cast<std::int32_t>(tokens.size());
  rest.report_from += told;
  if (rest.deadline_milliseconds > 0) rest.deadline_milliseconds -= static_cast<std::int32_t>(since.count());
  return rest;
}

/// What `act` gives of the engine that does not die over it.
template <class Act>
auto Supervisor::outlive(Act act) {
  while (true) {
    try {
      return act();
    } catch (const Error& death) {
      relaunch(death.what(), cause_of(death));
    }
  }
}

Supervisor::Supervisor(std::unique_ptr<Engine> engine, SupervisorOptions options)
    : engine_(std::move(engine)), options_(std::move(options)), info_(engine_->info()) {}

void Supervisor::submit(Request request) {
  if (ledger_.find(request.id) != ledger_.end()) {
    own_events_.push_back(twice_in_flight(request.id));
    return;
  }
  if (ledger_.add(request, Clock::now()).held) return;
  try {
    engine_->submit(std::move(request));
  } catch (const Error& death) {
    relaunch(death.what(), cause_of(death));
  }
}

void Supervisor::cancel(std::uint64_t request) {
  const auto owed = ledger_.find(request);
  if (owed != ledger_.end() && owed->held) {
    end(owed, FinishReason::cancelled);
    return;
  }
  if (owed != ledger_.end()) owed->cancelled = true;
  try {
    engine_->cancel(request);
  } catch (const Error& death) {
    relaunch(death.what(), cause_of(death));
  }
}

std::optional<Event> Supervisor::next(std::chrono::milliseconds patience) {
  end_what_is_over();
  if (own_events_.empty()) {
    std::optional<Event> event = outlive([&] { return engine_->next(patience); });
    if (event) {
      deaths_ = 0;
      event = noted(std::move(*event));
      hand_out_or_relaunch();
      return event;
    }
  }
  // Of a death, most likely: what was done, though the dead engine had not said so yet.
  if (own_events_.empty()) return std::nullopt;
  Event event = std::move(own_events_.front());
  own_events_.pop_front();
  return event;
}

std::vector<RankReport> Supervisor::reports() {
  return outlive([this] { return engine_->reports(); });
}

std::vector<rates::Roofline> Supervisor::measure_rooflines() {
  return outlive([this] { return engine_->measure_rooflines(); });
}

/// Until one has started and been given what is owed.
void Supervisor::relaunch(std::string sentence, DeathCause cause) {
  while (true) {
    take_back(sentence, cause);
    if (++deaths_ > most_deaths) throw Error(sentence);
    options_.lost(sentence);
    engine_.reset();
    options_.wait(pause_after(deaths_));
    try {
      engine_ = options_.launch();
      end_what_is_over();
      return hand_out();
    } catch (const Error& failure) {
      sentence = failure.what();
      cause = cause_of(failure);
    }
  }
}

/// What the dead engine had.
void Supervisor::take_back(const std::string& sentence, DeathCause cause) {
  if (cause == DeathCause::loss) return ledger_.hold_all();
  const std::optional<Owed> guilty = ledger_.blame();
  if (!guilty) return;
  own_events_.push_back(failure_of(*guilty, sentence));
  deaths_ = 0;  // the others have had no part in those before
}

/// Of what no engine has.
void Supervisor::end_what_is_over() {
  for (auto next = ledger_.begin(); next != ledger_.end();) {
    const auto owed = next++;
    if (!owed->held) continue;
    std::optional<FinishReason> reason = reason_of_end(*owed);
    if (!reason && is_overdue(owed->request, age_of(*owed))) reason = FinishReason::deadline;
    if (reason) end(owed, *reason);
  }
}

void Supervisor::end(Ledger::iterator owed, FinishReason reason) {
  DoneEvent done{owed->request.id, reason, {}};
  note(done, *owed);
  own_events_.push_back(done);
  ledger_.erase(owed);
}

/// What no engine has, as far as its turn has come.
void Supervisor::hand_out() {
  while (Owed* owed = ledger_.release()) {
    owed->resubmitted = true;
    engine_->submit(rest_of(owed->request, owed->tokens, owed->told, age_of(*owed)));
    if (owed->cancelled) engine_->cancel(owed->request.id);
  }
}

void Supervisor::hand_out_or_relaunch() {
  try {
    hand_out();
  } catch (const Error& death) {
    relaunch(death.what(), cause_of(death));
  }
}

/// Of a request that was done, though the engine died before it said so.
std::optional<FinishReason> Supervisor::reason_of_end(const Owed& owed) const {
  const std::size_t prompt = owed.request.prompt.size();
  if (owed.tokens.empty()) {
    const bool told =
        owed.told > 0 && owed.request.report_from + owed.told == static_cast<std::int32_t>(prompt);
    return told ? std::optional(FinishReason::length) : std::nullopt;
  }
  return end_of(owed.request, prompt, owed.tokens.size(), owed.tokens.back(), info_.context);
}

Event Supervisor::noted(Event event) {
  std::visit([this](auto& each) { note(each); }, event);
  return event;
}

void Supervisor::note(const TokenEvent& event) {
  const auto owed = ledger_.find(event.request);
  if (owed == ledger_.end()) return;
  owed->tokens.push_back(event.token);
  if (!owed->first_token) owed->first_token = Clock::now();
  Ledger::advance(*owed);
}

void Supervisor::note(const LogitsEvent& event) {
  const auto owed = ledger_.find(event.request);
  if (owed == ledger_.end()) return;
  owed->told += static_cast<std::int32_t>(event.logits.size()) / info_.vocabulary;
  Ledger::advance(*owed);
}

void Supervisor::note(const LogProbabilitiesEvent& event) {
  const auto owed = ledger_.find(event.request);
  if (owed == ledger_.end()) return;
  owed->told += static_cast<std::int32_t>(event.values.size());
  Ledger::advance(*owed);
}

void Supervisor::note(DoneEvent& event) {
  const auto owed = ledger_.find(event.request);
  if (owed == ledger_.end()) return;
  if (owed->resubmitted) note(event, *owed);
  ledger_.erase(owed);
}

/// The engine that ends it knows of a part of it only.
void Supervisor::note(DoneEvent& event, const Owed& owed) {
  const Clock::time_point now = Clock::now(), first = owed.first_token.value_or(now);
  event.statistics.prompt_tokens = static_cast<std::int32_t>(owed.request.prompt.size());
  event.statistics.reused_tokens = std::min(event.statistics.reused_tokens, event.statistics.prompt_tokens);
  event.statistics.generated_tokens = static_cast<std::int32_t>(owed.tokens.size());
  event.statistics.queue_seconds = 0;
  event.statistics.prompt_seconds = seconds_between(owed.submitted, first);
  event.statistics.decode_seconds = seconds_between(first, now);
}

void Supervisor::note(const FailedEvent& event) {
  const auto owed = ledger_.find(event.request);
  if (owed != ledger_.end()) ledger_.erase(owed);
}

}  // namespace yoke::runtime
