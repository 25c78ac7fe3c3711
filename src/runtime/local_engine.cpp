#include "runtime/local_engine.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <exception>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/seconds.h"
#include "comm/gather.h"
#include "runtime/apportion.h"
#include "runtime/candidates.h"
#include "runtime/deadlines.h"
#include "runtime/log_probabilities.h"
#include "runtime/logit_processor.h"
#include "runtime/request_account.h"
#include "runtime/request_check.h"
#include "runtime/sampler.h"
#include "runtime/scheduler.h"
#include "runtime/step_memory.h"
#include "runtime/step_pace.h"
#include "runtime/wire.h"
#include "runtime/worker.h"

namespace yoke::runtime {
namespace {

using Clock = std::chrono::steady_clock;

/// What the leader tells every rank to do next; the first byte of each message it broadcasts.
enum class Command : std::uint8_t {
  step,   // what is new of a batch follows: compute its layers and the first strip of the rows it wants
  strip,  // the number of a wanted row follows: compute the strip that begins with it
  whole,  // numbers of rows of this strip follow: gather them whole
  report,
  roofline,
  sleep,
  stop
};
constexpr Command last_enumerator(Command) { return Command::stop; }

constexpr int leader_rank = 0;

/// Requests, beside those that run.
constexpr std::int32_t most_waiting = 1024;
/// Longest step in which sequences decode, as far as prompts make it long.
constexpr double most_step_seconds = 0.25;

/// What follows a command, to the message's end.
template <class Argument>
Argument argument(ByteReader& reader) {
  Argument argument{};
  reader(argument);
  reader.end();
  return argument;
}

SchedulerLimits limits_of(const EngineOptions& options, const Worker& worker) {
  const model::Config& config = worker.config();
  const ops::CacheSize& caches = worker.caches();
  return {.vocabulary = static_cast<std::int32_t>(config.vocabulary),
          .context = worker.context(),
          .pages = static_cast<std::int32_t>(caches.pages),
          .window_pages = static_cast<std::int32_t>(caches.window_pages),
          .window = worker.window(),
          .prefill_chunk = options.prefill_chunk,
          .slots = static_cast<std::int32_t>(caches.slots),
          .waiting = most_waiting,
          .shares_prefixes = true,
          .recurrent = config.is_recurrent(),
          .checkpoints = static_cast<std::int32_t>(caches.checkpoints),
          .expanded_cell = static_cast<std::int32_t>(config.expanded_cell())};
}

/// The thread is in the engine: what it does in none of the worker's steps is to lead, or to wait for who
/// leads.
class Working {
 public:
  explicit Working(comm::Comm& comm)
      : phase_(comm.pulse(), Phase::computing), activity_(comm.time(), Activity::leading) {}

 private:
  PhaseScope phase_;
  ActivityScope activity_;
};

/// A request that has not ended.
struct InFlight {
  RequestAccount account;
  Sampling sampling;
};

/// A step whose layers have been computed, and of whose wanted rows some are still to be.
struct StepUnderWay {
  std::vector<std::optional<RowOwner>> owners;  // of its rows; nothing where the request has ended
  std::vector<std::uint64_t> completed;         // requests that end with the step
  std::int32_t next = 0;                        // the first row of the next strip

  std::int32_t rows() const { return static_cast<std::int32_t>(owners.size()); }
  /// True if the request would have ended with the step, and now does not.
  bool forget(std::uint64_t request) {
    for (std::optional<RowOwner>& owner : owners) {
      if (owner && owner->request == request) owner.reset();
    }
    return std::erase(completed, request) > 0;
  }
  /// Goes on to the next strip of which somebody still wants a row. False where there is none.
  bool advance() {
    next = std::min(next + strip_rows, rows());
    while (next < rows() && !owners[static_cast<std::size_t>(next)]) ++next;
    return next < rows();
  }
};

class LocalEngine final : public Engine {
 public:
  LocalEngine(const RankOptions& options, comm::Comm& comm, const Progress& progress)
      : model_(options.host.model),
        comm_(comm),
        worker_(options, comm, progress),
        scheduler_(limits_of(options.engine, worker_)),
        memory_(worker_.caches().slots) {
    const Working working(comm_);
    rest_if_idle();
  }

  ~LocalEngine() override {
    try {
      command(Command::stop);
    } catch (const std::exception&) {
      // The followers are gone; whoever lost them has reported it.
    }
  }

  EngineInfo info() const override {
    const model::Config& config = worker_.config();
    return {static_cast<std::int32_t>(config.vocabulary), worker_.context(), config.context};
  }

  void submit(Request request) override {
    if (in_flight_.contains(request.id)) {
      events_.push_back(twice_in_flight(request.id));
      return;
    }
    if (const std::optional<std::string> refused = scheduler_.add(request)) {
      events_.push_back(FailedEvent{request.id, *refused});
      return;
    }
    const Clock::time_point now = Clock::now();
    if (request.deadline_milliseconds > 0)
      deadlines_.set(request.id, now + std::chrono::milliseconds(request.deadline_milliseconds));
    const RequestAccount account(static_cast<std::int32_t>(request.prompt.size()), now);
    in_flight_.emplace(request.id, InFlight{account, std::move(request.sampling)});
  }

  void cancel(std::uint64_t request) override { end_early(request, FinishReason::cancelled); }

  std::optional<Event> next(std::chrono::milliseconds patience) override {
    const Working working(comm_);
    const Clock::time_point deadline = Clock::now() + patience;
    end_overdue();
    while (events_.empty()) {
      if (rest_if_idle()) return std::nullopt;
      advance();
      end_overdue();
      if (events_.empty() && Clock::now() >= deadline) return std::nullopt;
    }
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  std::vector<RankReport> reports() override {
    const Working working(comm_);
    command(Command::report);
    std::vector<RankReport> reports = comm::gather(comm_, worker_.report());
    rest_if_idle();
    return reports;
  }

  std::vector<rates::Roofline> measure_rooflines() override {
    const Working working(comm_);
    command(Command::roofline);
    std::vector<rates::Roofline> rooflines = comm::gather(comm_, worker_.measure_roofline());
    rest_if_idle();
    return rooflines;
  }

 private:
  /// Does nothing where the request has ended.
  void end_early(std::uint64_t request, FinishReason reason) {
    const bool was_ending = step_ && step_->forget(request);
    if (scheduler_.cancel(request) || was_ending) finish(request, reason);
  }

  void end_overdue() {
    while (const std::optional<std::uint64_t> request = deadlines_.overdue(Clock::now()))
      end_early(*request, FinishReason::deadline);
  }

  /// Sends the followers to sleep where there is nothing to do, and tells whether that is so.
  bool rest_if_idle() {
    if (step_ || !scheduler_.idle()) return false;
    if (!asleep_) command(Command::sleep);
    return true;
  }

  /// Sends a command, with its argument where it has one, to every follower; wakes them first.
  template <class... Argument>
  void command(Command command, const Argument&... argument) {
    if (asleep_) comm_.wake_followers();
    ByteWriter writer;
    writer(command, argument...);
    std::vector<std::byte> message = writer.take();
    comm_.broadcast(message, leader_rank);
    asleep_ = command == Command::sleep;
  }

  /// Begins a step, or goes on with it by a strip. No more than a strip's rows are ever waiting as events.
  void advance() {
    if (!step_) {
      begin_step();
    } else {
      command(Command::strip, step_->next);
      compute_strip();
    }
    if (step_->next < step_->rows()) take_strip(worker_.strip());
    if (!step_->advance()) end_step();
  }

  void begin_step() {
    PlannedStep planned =
        scheduler_.plan(pace_.prompt_tokens(static_cast<std::int32_t>(worker_.caches().step_tokens)));
    const Clock::time_point start = Clock::now();
    for (std::size_t i = 0; i < planned.requests.size(); ++i)
      in_flight_.at(planned.requests[i]).account.start(planned.reused[i], start);
    const std::int64_t tokens = planned.batch.size();
    const comm::Traffic before = comm_.traffic();
    if (comm_.size() > 1) command(Command::step, memory_.tell(planned.batch));
    worker_.start_step(std::move(planned.batch));
    charge(planned.requests, planned.tokens, before);
    step_ = {{planned.owners.begin(), planned.owners.end()}, std::move(planned.completed), 0};
    if (step_->rows() > 0) compute_strip();
    pace_.saw(tokens, seconds_between(start, Clock::now()));
  }

  /// The strip that begins with row step_->next.
  void compute_strip() {
    const comm::Traffic before = comm_.traffic();
    const Strip& strip = worker_.compute_strip(step_->next);
    std::vector<std::int32_t> rows(strip.rows().size());
    std::iota(rows.begin(), rows.end(), 0);
    charge_rows(rows, before);
  }

  /// What has been exchanged since `before` counts for the owners of these rows of the strip. What nobody
  /// wants any more counts for nobody.
  void charge_rows(const std::vector<std::int32_t>& rows, const comm::Traffic& before) {
    std::vector<std::uint64_t> requests;
    for (const std::int32_t row : rows) {
      const std::optional<RowOwner>& owner = owner_of(static_cast<std::size_t>(row));
      if (owner) requests.push_back(owner->request);
    }
    if (!requests.empty()) charge(requests, std::vector<std::int32_t>(requests.size(), 1), before);
  }

  /// What has been exchanged since `before` counts for these requests in proportion to the weights.
  void charge(const std::vector<std::uint64_t>& requests, const std::vector<std::int32_t>& weights,
              const comm::Traffic& before) {
    const comm::Traffic& now = comm_.traffic();
    const std::vector<comm::Traffic> shares =
        apportion({0, now.bytes - before.bytes, now.seconds - before.seconds}, weights);
    for (std::size_t i = 0; i < requests.size(); ++i) in_flight_.at(requests[i]).account.charge(shares[i]);
  }

  void end_step() {
    for (const std::uint64_t request : step_->completed) finish(request, FinishReason::length);
    step_.reset();
  }

  /// Tells of the rows of the strip that begins with row step_->next.
  void take_strip(const Strip& strip) {
    std::vector<std::int32_t> undecided;
    for (std::size_t row = 0; row < strip.rows().size(); ++row) {
      const std::optional<RowOwner>& owner = owner_of(row);
      if (!owner) continue;
      switch (strip.rows()[row].want) {
        case model::Want::logits:
          take_logits(*owner, strip.logits(row));
          break;
        case model::Want::log_probability:
          take_log_probability(*owner, strip.log_probabilities().of_target(row));
          break;
        case model::Want::candidates:
          if (!draw(strip, row, *owner)) undecided.push_back(static_cast<std::int32_t>(row));
      }
    }
    if (!undecided.empty()) draw_from_whole(strip, undecided);
  }

  const std::optional<RowOwner>& owner_of(std::size_t row) const {
    return step_->owners[static_cast<std::size_t>(step_->next) + row];
  }

  void take_logits(const RowOwner& owner, std::vector<float> logits) {
    if (!all_finite(logits)) return fail(owner);
    events_.push_back(LogitsEvent{owner.request, owner.position, std::move(logits)});
  }

  void take_log_probability(const RowOwner& owner, double value) {
    if (!std::isfinite(value)) return fail(owner);
    auto* last = events_.empty() ? nullptr : std::get_if<LogProbabilitiesEvent>(&events_.back());
    if (last == nullptr || last->request != owner.request) {
      events_.push_back(LogProbabilitiesEvent{owner.request, owner.position + 1, {}});
      last = &std::get<LogProbabilitiesEvent>(events_.back());
    }
    last->values.push_back(static_cast<float>(value));
  }

  /// False where the ranks' candidates do not tell which token is drawn.
  bool draw(const Strip& strip, std::size_t row, const RowOwner& owner) {
    if (!strip.finite(row)) {
      fail(owner);
      return true;
    }
    const Sums sums = strip.rows()[row].sums ? strip.sums(row) : Sums{};
    const Sampling& sampling = in_flight_.at(owner.request).sampling;
    const Ranking ranking = strip.ranking(row);
    const std::optional<Token> token = choose(kernels_, ranking, sums, sampling, owner.position);
    if (!token) return false;
    const auto drawn = std::find_if(ranking.candidates.begin(), ranking.candidates.end(),
                                    [&](const Candidate& each) { return each.token == *token; });
    take_token(told(strip, row, *drawn, owner.request));
    return true;
  }

  void draw_from_whole(const Strip& strip, const std::vector<std::int32_t>& rows) {
    const comm::Traffic before = comm_.traffic();
    command(Command::whole, rows);
    const std::vector<std::vector<float>> whole = strip.whole(rows);
    charge_rows(rows, before);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const RowOwner& owner = *owner_of(static_cast<std::size_t>(rows[i]));
      const Sampling& sampling = in_flight_.at(owner.request).sampling;
      const Token token = choose_from_whole(kernels_, whole[i], sampling, owner.position);
      const Candidate drawn{token, whole[i][static_cast<std::size_t>(token)]};
      take_token(told(strip, static_cast<std::size_t>(rows[i]), drawn, owner.request));
    }
  }

  /// What is told of the token that was drawn from a row.
  static TokenEvent told(const Strip& strip, std::size_t row, const Candidate& drawn, std::uint64_t request) {
    if (!strip.rows()[row].tells_log_probabilities()) return {request, drawn.token};
    const LogProbabilities& all = strip.log_probabilities();
    return {request, drawn.token, static_cast<float>(all.of_drawn(row, drawn)), all.likeliest(row)};
  }

  /// Ends a request whose logits are not all finite; the others go on.
  void fail(RowOwner owner) {
    step_->forget(owner.request);
    scheduler_.drop(owner.request);
    forget(owner.request);
    events_.push_back(FailedEvent{
        owner.request,
        fmt::format("{}: the model's logits at position {} are not all finite; its weights are damaged",
                    model_, owner.position)});
  }

  void take_token(TokenEvent event) {
    const auto [request, token] = std::pair(event.request, event.token);
    in_flight_.at(request).account.take_token(Clock::now());
    events_.push_back(std::move(event));
    if (const std::optional<FinishReason> reason = scheduler_.accept(request, token))
      finish(request, *reason);
  }

  void finish(std::uint64_t request, FinishReason reason) {
    const Statistics statistics = in_flight_.at(request).account.statistics(Clock::now());
    forget(request);
    events_.push_back(DoneEvent{request, reason, statistics});
  }

  void forget(std::uint64_t request) {
    in_flight_.erase(request);
    deadlines_.forget(request);
  }

  std::string model_;  // the file, for sentences
  comm::Comm& comm_;
  const kernels::Kernels& kernels_ = kernels::best();
  Worker worker_;
  Scheduler scheduler_;
  StepMemory memory_;  // what followers remember
  StepPace pace_{most_step_seconds};
  std::map<std::uint64_t, InFlight> in_flight_;
  Deadlines deadlines_;
  std::deque<Event> events_;
  std::optional<StepUnderWay> step_;
  bool asleep_ = false;  // whether the followers are
};

void follow_step(Worker& worker, model::Batch batch) {
  const bool wants = !batch.wanted.empty();
  worker.start_step(std::move(batch));
  if (wants) worker.compute_strip(0);
}

}  // namespace

std::unique_ptr<Engine> lead(const RankOptions& options, comm::Comm& comm, const Progress& progress) {
  return std::make_unique<LocalEngine>(options, comm, progress);
}

void follow(const RankOptions& options, comm::Comm& comm, const Progress& progress) {
  Worker worker(options, comm, progress);
  StepMemory memory(worker.caches().slots);
  const Working working(comm);
  while (true) {
    std::vector<std::byte> message;
    comm.broadcast(message, leader_rank);
    ByteReader reader(message, "the leader's command");
    Command command{};
    reader(command);
    switch (command) {
      case Command::step:
        follow_step(worker, memory.hear(argument<StepChange>(reader)));
        break;
      case Command::strip:
        worker.compute_strip(argument<std::int32_t>(reader));
        break;
      case Command::whole:
        worker.strip().whole(argument<std::vector<std::int32_t>>(reader));
        break;
      case Command::report:
        comm::gather(comm, worker.report());
        break;
      case Command::roofline:
        comm::gather(comm, worker.measure_roofline());
        break;
      case Command::sleep:
        comm.sleep();
        break;
      case Command::stop:
        return;
    }
  }
}

}  // namespace yoke::runtime
