#include "simulation/schedule.h"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "runtime/scheduler.h"
#include "simulation/fake_model.h"

namespace yoke::runtime {
namespace {

/// The sentence of what must not be.
struct Fault {
  std::string sentence;
};

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : random_(seed), limits_(make_limits()), arriving_(below(7) + 2) {
    for (std::vector<Token>& text : texts_) {
      text.resize(static_cast<std::size_t>(limits_.context));
      for (Token& token : text) token = below(limits_.vocabulary);
    }
    launch();
  }

  void run() {
    while (arriving_ > 0 || !ledger_.empty()) {
      if (arriving_ > 0 && chance(4)) arrive();
      if (!ledger_.empty() && chance(40)) cancel_one();
      if (chance(150)) launch();
      step();
      check_gauges();
    }
  }

 private:
  /// What is owed to whoever asked.
  struct Owed {
    Request request;
    std::vector<Token> expected;  // what it gets alone
    std::int32_t damaged_at = 0;  // position whose logits are not finite
    std::vector<Token> tokens{};  // that came so far
    std::int32_t rows = 0;        // of a report, likewise
  };

  std::int32_t below(std::int32_t n) {
    return static_cast<std::int32_t>(random_() % static_cast<std::uint64_t>(n));
  }
  bool chance(std::int32_t one_in) { return below(one_in) == 0; }

  SchedulerLimits make_limits() {
    SchedulerLimits limits;
    limits.vocabulary = 50;
    const std::int32_t context_pages = chance(20) ? 11 : 2 + below(3);
    limits.context = context_pages * ops::page_positions - below(30);
    limits.pages = context_pages + below(2 * context_pages);
    limits.slots = 1 + below(5);
    limits.prefill_chunk = limits.slots + below(150);
    limits.waiting = 1 + below(6);
    limits.shares_prefixes = !chance(4);
    if (chance(2)) {
      limits.window = 1 + below(150);
      limits.window_pages = limits.slots * static_cast<std::int32_t>(
                                               ops::pages_touched(limits.window - 1 + limits.prefill_chunk)) +
                            below(4);
    }
    if (chance(2)) limits.expanded_cell = 2 * ops::page_positions;
    limits.recurrent = chance(3);
    if (limits.recurrent) limits.checkpoints = below(9);
    return limits;
  }

  /// An engine that knows nothing yet is given all that is owed, each with what it has got already.
  void launch() {
    scheduler_.emplace(limits_);
    model_.emplace(limits_);
    resumed_.clear();
    for (const auto& [id, owed] : ledger_) pending_.push_back(id);
    std::sort(pending_.begin(), pending_.end());
    pending_.erase(std::unique(pending_.begin(), pending_.end()), pending_.end());
    submit_pending();
  }

  void submit_pending() {
    while (!pending_.empty() && scheduler_->gauges().waiting < limits_.waiting) {
      const Owed& owed = ledger_.at(pending_.front());
      Request request = owed.request;
      if (request.given.empty()) request.given = {{0, static_cast<std::int32_t>(request.prompt.size())}};
      request.prompt.insert(request.prompt.end(), owed.tokens.begin(), owed.tokens.end());
      if (request.max_tokens > 0) request.max_tokens -= static_cast<std::int32_t>(owed.tokens.size());
      if (request.report != PromptReport::nothing) request.report_from += owed.rows;
      if (const auto refused = scheduler_->add(request)) throw Fault{"refused: " + *refused};
      resumed_[request.id] = std::move(request);
      pending_.pop_front();
    }
  }

  Request make_request() {
    Request request;
    request.id = next_id_++;
    request.salt = static_cast<std::uint64_t>(below(2));
    const std::vector<Token>& text = texts_[static_cast<std::size_t>(below(2))];
    const std::int32_t length = 1 + below(limits_.context);
    const std::int32_t common = chance(2) ? length : below(length + 1);
    request.prompt.assign(text.begin(), text.begin() + common);
    while (std::ssize(request.prompt) < length) request.prompt.push_back(below(limits_.vocabulary));
    if (length > 2 && chance(3)) {  // of which something in the middle was generated once
      const std::int32_t behind = 2 + below(length - 2), from = 1 + below(behind - 1);
      request.given = {{0, from}, {behind, length}};
    }
    request.max_tokens = chance(8) ? 0 : 1 + below(90);
    request.sampling.seed = random_();
    if (chance(3)) request.stop_tokens = {below(limits_.vocabulary)};
    if (request.max_tokens == 0 && chance(2)) {
      request.report = PromptReport::logits;
      request.report_from = below(length);
    }
    return request;
  }

  void arrive() {
    Request request = make_request();
    --arriving_;
    Owed owed{request, model_->undisturbed(request), chance(10) ? below(limits_.context) : limits_.context};
    if (!pending_.empty() || scheduler_->gauges().waiting >= limits_.waiting) {
      if (pending_.empty() && !scheduler_->add(request)) throw Fault{"more wait than may"};
      return;  // refused
    }
    if (const auto refused = scheduler_->add(request)) throw Fault{"refused: " + *refused};
    resumed_[request.id] = request;
    ledger_.emplace(request.id, std::move(owed));
  }

  void cancel_one() {
    auto owed = ledger_.begin();
    std::advance(owed, below(static_cast<std::int32_t>(ledger_.size())));
    const std::uint64_t id = owed->first;
    const bool is_pending = std::erase(pending_, id) > 0;
    if (scheduler_->cancel(id) == is_pending) throw Fault{fmt::format("request {} was lost", id)};
    end(id);
  }

  void step() {
    submit_pending();
    const PlannedStep planned =
        scheduler_->plan(chance(3) ? 1 + below(limits_.prefill_chunk) : limits_.prefill_chunk);
    if (ledger_.empty()) return;
    check_step(planned);
    std::vector<FakeModel::Row> rows;
    if (auto wrong = model_->compute(planned, resumed_, rows)) throw Fault{std::move(*wrong)};
    for (const FakeModel::Row& row : rows) take(row);
    for (const std::uint64_t id : planned.completed) {
      if (ledger_.contains(id)) complete(id);
    }
  }

  void check_step(const PlannedStep& planned) const {
    if (planned.batch.size() > limits_.prefill_chunk)
      throw Fault{
          fmt::format("a step has {} tokens; at most {} fit", planned.batch.size(), limits_.prefill_chunk)};
    const std::uint64_t oldest = ledger_.begin()->first;
    const auto& in_step = planned.requests;
    if (std::find(in_step.begin(), in_step.end(), oldest) == in_step.end())
      throw Fault{fmt::format("request {}, the oldest, has no token in a step", oldest)};
  }

  void take(const FakeModel::Row& row) {
    const std::uint64_t id = row.owner.request;
    const auto found = ledger_.find(id);
    if (found == ledger_.end()) return;  // its rows before went wrong
    Owed& owed = found->second;
    if (row.owner.position == owed.damaged_at) {
      scheduler_->drop(id);
      return end(id);
    }
    if (owed.request.report != PromptReport::nothing) return take_report(owed, row.owner.position);
    const std::size_t n = owed.tokens.size();
    if (n >= owed.expected.size() || row.token != owed.expected[n])
      throw Fault{fmt::format("request {} gets another token {} than it gets alone", id, n)};
    owed.tokens.push_back(row.token);
    const bool ends = scheduler_->accept(id, row.token).has_value();
    if (ends != (n + 1 == owed.expected.size()))
      throw Fault{fmt::format("request {} {} after {} tokens, alone after {}", id, ends ? "ends" : "goes on",
                              n + 1, owed.expected.size())};
    if (ends) end(id);
  }

  void take_report(Owed& owed, std::int32_t position) {
    if (position != owed.request.report_from + owed.rows)
      throw Fault{fmt::format("request {} is told of position {} after {} rows", owed.request.id, position,
                              owed.rows)};
    ++owed.rows;
  }

  void complete(std::uint64_t id) {
    const Owed& owed = ledger_.at(id);
    const auto length = static_cast<std::int32_t>(owed.request.prompt.size());
    if (owed.request.report != PromptReport::nothing && owed.request.report_from + owed.rows != length)
      throw Fault{fmt::format("request {} was told of {} rows", id, owed.rows)};
    end(id);
  }

  void end(std::uint64_t id) {
    ledger_.erase(id);
    resumed_.erase(id);
  }

  void check_gauges() const {
    const Gauges gauges = scheduler_->gauges();
    const auto owed = static_cast<std::int32_t>(ledger_.size() - pending_.size());
    if (gauges.waiting + gauges.running != owed)
      throw Fault{fmt::format("{} wait and {} run of {}", gauges.waiting, gauges.running, owed)};
    if (gauges.running + gauges.free_slots != limits_.slots)
      throw Fault{fmt::format("{} run, and {} slots of {} are free", gauges.running, gauges.free_slots,
                              limits_.slots)};
    if (owed == 0 && gauges.used_window_pages != gauges.kept_window_pages)
      throw Fault{fmt::format("nothing runs, and {} pages of windows are used, but {} kept",
                              gauges.used_window_pages, gauges.kept_window_pages)};
    if (owed == 0 && gauges.used_checkpoints != gauges.kept_checkpoints)
      throw Fault{fmt::format("nothing runs, and {} checkpoints are used, but {} kept",
                              gauges.used_checkpoints, gauges.kept_checkpoints)};
    if (owed == 0 && gauges.free_pages + gauges.kept_pages != gauges.pages)
      throw Fault{fmt::format("nothing runs, and of {} pages {} are free and {} kept", gauges.pages,
                              gauges.free_pages, gauges.kept_pages)};
  }

  std::mt19937_64 random_;
  SchedulerLimits limits_;
  std::int32_t arriving_;  // requests still to come
  std::vector<Token> texts_[2];
  std::optional<Scheduler> scheduler_;
  std::optional<FakeModel> model_;
  std::map<std::uint64_t, Owed> ledger_;  // in the order of arrival
  FakeModel::Requests resumed_;           // as the engine that runs was given them
  std::deque<std::uint64_t> pending_;     // that it is still to be given
  std::uint64_t next_id_ = 1;
};

}  // namespace

std::optional<std::string> fault_in_schedule(std::uint64_t seed) {
  try {
    Schedule(seed).run();
  } catch (const Fault& fault) {
    return fault.sentence;
  } catch (const std::exception& error) {
    return error.what();
  }
  return std::nullopt;
}

}  // namespace yoke::runtime
