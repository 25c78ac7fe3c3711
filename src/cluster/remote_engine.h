// An engine in other processes, as its starter sees it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "cluster/channel.h"
#include "cluster/engine_job.h"
#include "cluster/progress_judge.h"
#include "runtime/engine.h"

namespace yoke::cluster {

struct RemoteTiming {
  std::chrono::milliseconds silence{2000};   // of rank 0, until it counts as lost: sooner than its followers
                                             // notice, whose end makes mpirun continue a stopped rank 0
  std::chrono::milliseconds meeting{30000};  // until the ranks have met
  std::chrono::milliseconds parting{3000};   // for the engine to end by itself
  std::chrono::milliseconds answer{600000};  // to a question, which it hears between two steps
  // Of rank 0, which should find out sooner by itself where it has followers.
  StillnessLimits stillness{.margin = std::chrono::milliseconds(2000)};
};

/// A thread of its own listens to rank 0; the members may be used from one thread at a time. It listens no
/// further than some hundred events that next() has not returned, so that the engine waits for who reads
/// them. Destruction ends the engine: by a message first, then by force.
class RemoteEngine final : public runtime::Engine {
 public:
  /// `engine` leads to an EngineServer. `job` may be null where somebody else cares for the processes.
  RemoteEngine(StarterEnd engine, std::unique_ptr<EngineJob> job, const RemoteTiming& timing = {});
  ~RemoteEngine() override;

  /// Returns once the ranks have met. Throws Error with the sentence to show if the engine fails or they are
  /// late, which `if_late` ends; and with what `trouble` (may be empty), asked now and then, returns.
  void wait_until_met(const std::string& if_late = "", const std::function<std::string()>& trouble = {});
  /// Returns once the model is loaded; `progress` is called in this thread now and then. Throws Error with
  /// the sentence to show if the engine fails.
  void wait_until_ready(const std::function<void(const GroupProgress&)>& progress);

  runtime::EngineInfo info() const override;
  void submit(runtime::Request request) override;
  void cancel(std::uint64_t request) override;
  std::optional<runtime::Event> next(std::chrono::milliseconds patience) override;
  std::vector<runtime::RankReport> reports() override;
  std::vector<rates::Roofline> measure_rooflines() override;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace yoke::cluster
