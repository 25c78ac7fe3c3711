#include "runtime/local_engine.h"

#include <cassert>
#include <chrono>
#include <deque>
#include <exception>
#include <map>

#include "base/error.h"
#include "runtime/sampler.h"
#include "runtime/scheduler.h"
#include "runtime/wire.h"
#include "runtime/worker.h"

namespace yoke::runtime {
namespace {

using Clock = std::chrono::steady_clock;

/// What the leader tells every rank to do next; the first byte of each message it broadcasts.
enum class Command : std::uint8_t { step, report, sleep, stop };
constexpr Command last_enumerator(Command) { return Command::stop; }

constexpr int leader_rank = 0;

/// A follower's part of the step whose batch follows.
void compute(Worker& worker, ByteReader& reader) {
  model::Batch batch;
  reader(batch);
  reader.end();
  worker.step(batch);
}

/// A collective: every rank's report, in rank order, on every rank.
std::vector<RankReport> exchange_reports(comm::Comm& comm, const Worker& worker) {
  std::vector<RankReport> reports;
  for (int rank = 0; rank < comm.size(); ++rank) {
    ByteWriter mine;
    if (rank == comm.rank()) mine(worker.report());
    std::vector<std::byte> message = mine.take();
    comm.broadcast(message, rank);
    ByteReader(message, "a rank's report")(reports.emplace_back());
  }
  return reports;
}

SchedulerLimits limits_of(const EngineOptions& options, const Worker& worker) {
  return {static_cast<std::int32_t>(worker.config().vocabulary), worker.context(), worker.pages(),
          options.prefill_chunk, max_rows};
}

/// A request that has not ended, as far as its statistics go.
struct InFlight {
  Statistics statistics;
  std::optional<Clock::time_point> started;  // of its first step
  std::optional<Clock::time_point> first_token;
  comm::Traffic traffic_before;  // of rank 0, when it started
};

class LocalEngine final : public Engine {
 public:
  LocalEngine(const EngineOptions& options, comm::Comm& comm, const Progress& progress)
      : comm_(comm), worker_(options, comm, progress), scheduler_(limits_of(options, worker_)) {}

  ~LocalEngine() override {
    try {
      command(Command::stop);
    } catch (const std::exception&) {
      // The followers are gone; whoever lost them has reported it.
    }
  }

  EngineInfo info() const override {
    return {static_cast<std::int32_t>(worker_.config().vocabulary), worker_.context()};
  }

  void submit(Request request) override {
    assert(!in_flight_.contains(request.id));
    if (const std::optional<std::string> refused = scheduler_.add(request)) {
      events_.push_back(RefusedEvent{request.id, *refused});
      return;
    }
    InFlight& in_flight = in_flight_[request.id];
    in_flight.statistics.prompt_tokens = static_cast<std::int32_t>(request.prompt.size());
  }

  void cancel(std::uint64_t request) override {
    if (scheduler_.cancel(request)) finish(request, FinishReason::cancelled);
  }

  std::optional<Event> next(std::chrono::milliseconds patience) override {
    const Clock::time_point deadline = Clock::now() + patience;
    while (events_.empty()) {
      if (scheduler_.idle()) {
        if (!asleep_) command(Command::sleep);
        return std::nullopt;
      }
      step();
      if (events_.empty() && Clock::now() >= deadline) return std::nullopt;
    }
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  std::vector<RankReport> reports() override {
    command(Command::report);
    return exchange_reports(comm_, worker_);
  }

 private:
  /// Sends a command, with the batch where it is a step, to every follower; wakes them first.
  void command(Command command, const model::Batch* batch = nullptr) {
    if (asleep_) comm_.wake_followers();
    ByteWriter writer;
    writer(command);
    if (batch != nullptr) writer(*batch);
    std::vector<std::byte> message = writer.take();
    comm_.broadcast(message, leader_rank);
    asleep_ = command == Command::sleep;
  }

  void step() {
    const PlannedStep planned = scheduler_.plan();
    const Clock::time_point now = Clock::now();
    for (const std::uint64_t request : planned.requests) start_clock(request, now);
    command(Command::step, &planned.batch);
    const MatrixView<const float> logits = worker_.step(planned.batch);
    for (std::size_t i = 0; i < planned.wanted.size(); ++i) {
      take_row(planned.wanted[i], logits.row(static_cast<std::int64_t>(i)));
    }
    for (const std::uint64_t request : planned.completed) finish(request, FinishReason::length);
  }

  void start_clock(std::uint64_t request, Clock::time_point now) {
    InFlight& in_flight = in_flight_.at(request);
    if (in_flight.started) return;
    in_flight.started = now;
    in_flight.traffic_before = comm_.traffic();
  }

  void take_row(const WantedRow& row, std::span<const float> logits) {
    if (row.reports)
      events_.push_back(LogitsEvent{row.request, row.position, {logits.begin(), logits.end()}});
    if (!row.samples) return;
    const auto choice =
        row.vocabulary_limit == 0 ? logits.size() : static_cast<std::size_t>(row.vocabulary_limit);
    const Token token = sample(logits.first(choice), row.sampling, row.position);
    InFlight& in_flight = in_flight_.at(row.request);
    if (!in_flight.first_token) in_flight.first_token = Clock::now();
    ++in_flight.statistics.generated_tokens;
    events_.push_back(TokenEvent{row.request, token});
    if (const std::optional<FinishReason> reason = scheduler_.accept(row.request, token))
      finish(row.request, *reason);
  }

  void finish(std::uint64_t request, FinishReason reason) {
    const auto found = in_flight_.find(request);
    const InFlight& ended = found->second;
    Statistics statistics = ended.statistics;
    if (ended.started) {
      const Clock::time_point now = Clock::now();
      const Clock::time_point prompt_end = ended.first_token.value_or(now);
      statistics.prompt_seconds = std::chrono::duration<double>(prompt_end - *ended.started).count();
      statistics.decode_seconds = std::chrono::duration<double>(now - prompt_end).count();
      statistics.reduced_bytes = comm_.traffic().bytes - ended.traffic_before.bytes;
      statistics.exchange_seconds = comm_.traffic().seconds - ended.traffic_before.seconds;
    }
    in_flight_.erase(found);
    events_.push_back(DoneEvent{request, reason, statistics});
  }

  comm::Comm& comm_;
  Worker worker_;
  Scheduler scheduler_;
  std::map<std::uint64_t, InFlight> in_flight_;
  std::deque<Event> events_;
  bool asleep_ = false;  // whether the followers are
};

}  // namespace

std::unique_ptr<Engine> lead(const EngineOptions& options, comm::Comm& comm, const Progress& progress) {
  return std::make_unique<LocalEngine>(options, comm, progress);
}

void follow(const EngineOptions& options, comm::Comm& comm, const Progress& progress) {
  Worker worker(options, comm, progress);
  while (true) {
    std::vector<std::byte> message;
    comm.broadcast(message, leader_rank);
    ByteReader reader(message, "the leader's command");
    Command command{};
    reader(command);
    switch (command) {
      case Command::step:
        compute(worker, reader);
        break;
      case Command::report:
        exchange_reports(comm, worker);
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
