#include "fake_engine.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"

namespace yoke::cluster {

namespace {

using namespace runtime;

enum Order : std::uint8_t { step, rest, report, end };

struct Behaviour {
  explicit Behaviour(const std::string& model)
      : name(model.substr(0, model.find(':'))),
        argument(model.find(':') == std::string::npos ? "" : model.substr(model.find(':') + 1)) {}
  bool concerns(const comm::Comm& comm) const {
    return argument == "all" || argument == std::to_string(comm.rank());
  }
  std::string name;
  std::string argument;
};

/// Whatever the process's other threads do.
[[noreturn]] void hang() {
  for (;;) ::poll(nullptr, 0, -1);
}

void load(const RankOptions& options, comm::Comm& comm, const Progress& progress) {
  const Behaviour behaviour(options.host.model);
  const PhaseScope loading(comm.pulse(), Phase::loading);
  if (behaviour.name == "hang-load" && behaviour.concerns(comm)) hang();
  if (behaviour.name == "load-error" && behaviour.concerns(comm)) fail("the tensor 'blk.0' is missing");
  if (behaviour.name == "load-exit" && behaviour.concerns(comm)) ::_exit(3);
  if (behaviour.name == "slow-load") {
    const auto path = std::filesystem::path(behaviour.argument) / ("rank-" + std::to_string(comm.rank()));
    std::ofstream(path.native() + ".part") << ::getpid() << std::endl;
    std::filesystem::rename(path.native() + ".part", path);
    for (std::uint64_t done = 0; done < 6000; ++done) {
      progress(done, 6000);
      comm.pulse().tick();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  progress(10, 10);
  std::vector<float> all_have_loaded(1);
  comm.all_reduce(all_have_loaded);
}

/// One step on every rank: the sum over the ranks of (rank + 1) × i.
float compute(const RankOptions& options, comm::Comm& comm, int i) {
  const Behaviour behaviour(options.host.model);
  const PhaseScope computing(comm.pulse(), Phase::computing);
  if (behaviour.name == "hang" && behaviour.concerns(comm) && i == 3) hang();
  if (behaviour.name == "step-error" && behaviour.concerns(comm) && i == 3) fail("a page was lost");
  std::vector<float> x(4096, static_cast<float>((comm.rank() + 1) * i));
  comm.all_reduce(x);
  comm.pulse().finish();
  return x[17];
}

class FakeEngine final : public Engine {
 public:
  FakeEngine(RankOptions options, comm::Comm& comm, const Progress& progress)
      : options_(std::move(options)), comm_(comm) {
    load(options_, comm_, progress);
  }
  ~FakeEngine() override {
    try {
      order(end, 0);
    } catch (const Error&) {
      return;  // the ranks are lost anyway
    }
  }

  EngineInfo info() const override { return {1000, 64, 128}; }
  void submit(Request request) override { queue_.push_back({std::move(request), 0}); }
  void cancel(std::uint64_t id) override {
    for (Work& work : queue_)
      if (work.request.id == id) work.cancelled = true;
  }

  std::optional<Event> next(std::chrono::milliseconds) override {
    if (queue_.empty()) {
      if (!asleep_) order(rest, 0);
      return std::nullopt;
    }
    Work& work = queue_.front();
    const Request& request = work.request;
    if (request.prompt.empty()) return finish(FailedEvent{request.id, "the prompt is empty"});
    if (request.report == PromptReport::logits && !work.logits_sent) {
      work.logits_sent = true;
      std::vector<float> logits(request.prompt.size() * 1000);
      for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i);
      return LogitsEvent{request.id, 0, std::move(logits)};
    }
    Statistics statistics;
    statistics.generated_tokens = work.done;
    if (work.cancelled) return finish(DoneEvent{request.id, FinishReason::cancelled, statistics});
    if (work.done == request.max_tokens)
      return finish(DoneEvent{request.id, FinishReason::length, statistics});
    order(step, ++work.done);
    return TokenEvent{request.id, static_cast<Token>(compute(options_, comm_, work.done))};
  }

  std::vector<RankReport> reports() override {
    order(report, 0);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(comm_.size()), 1);
    const std::vector<float> mine{static_cast<float>(::getpid())};
    std::vector<float> pids(counts.size());
    comm_.all_gather(mine, counts, pids);
    std::vector<RankReport> reports(counts.size());
    for (std::size_t r = 0; r < reports.size(); ++r) {
      reports[r].rank = static_cast<std::int32_t>(r);
      reports[r].host = "here";
      reports[r].pid = static_cast<std::int64_t>(pids[r]);
    }
    return reports;
  }

  std::vector<rates::Roofline> measure_rooflines() override {
    return {static_cast<std::size_t>(comm_.size()), {{30e9}, "", {1e12}, {0.5e12}}};
  }

 private:
  struct Work {
    Request request;
    int done = 0;
    bool cancelled = false;
    bool logits_sent = false;
  };

  Event finish(Event event) {
    queue_.pop_front();
    return event;
  }

  void order(Order what, int argument) {
    if (asleep_) comm_.wake_followers();
    std::vector<std::byte> message{static_cast<std::byte>(what), static_cast<std::byte>(argument & 255),
                                   static_cast<std::byte>(argument >> 8)};
    comm_.broadcast(message, 0);
    asleep_ = what == rest;
  }

  RankOptions options_;
  comm::Comm& comm_;
  std::deque<Work> queue_;
  bool asleep_ = false;  // whether the followers are
};

void fake_follow(const RankOptions& options, comm::Comm& comm, const Progress& progress) {
  load(options, comm, progress);
  for (;;) {
    std::vector<std::byte> message;
    comm.broadcast(message, 0);
    const auto what = static_cast<Order>(message.at(0));
    if (what == rest) comm.sleep();
    if (what == end) return;
    if (what == step)
      compute(options, comm, std::to_integer<int>(message.at(1)) + 256 * std::to_integer<int>(message.at(2)));
    if (what == report) {
      const std::vector<std::int64_t> counts(static_cast<std::size_t>(comm.size()), 1);
      std::vector<float> pids(counts.size());
      comm.all_gather(std::vector<float>{static_cast<float>(::getpid())}, counts, pids);
    }
  }
}

model::MemoryNeed memory_needed(const RankOptions& options, int rank, int) {
  const Behaviour behaviour(options.host.model);
  if (behaviour.name == "too-large") return {std::uint64_t{1} << 60, 0, 0};
  if (behaviour.name == "unfit") {
    // Longer than rank 0 puts off what others say.
    if (rank == 0) std::this_thread::sleep_for(std::chrono::seconds(3));
    fail("the tensor 'blk.0' is missing");
  }
  return {};
}

}  // namespace

RankRoles fake_roles() {
  RankRoles roles;
  roles.lead = [](const RankOptions& options, comm::Comm& comm, const Progress& progress) {
    return std::make_unique<FakeEngine>(options, comm, progress);
  };
  roles.follow = fake_follow;
  roles.memory_needed = memory_needed;
  return roles;
}

RankOptions behaving(const std::string& model) {
  RankOptions options;
  options.host.model = model;
  return options;
}

Token fake_token(int ranks, int i) { return static_cast<Token>(ranks * (ranks + 1) / 2 * i); }

}  // namespace yoke::cluster
