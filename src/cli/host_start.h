// An engine on several machines, from a list of them: asked first, judged, then started; and started again on
// those that are left.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/host_flags.h"
#include "cluster/protocol.h"
#include "hosts/host_list.h"
#include "hosts/host_speed.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"
#include "system/environment.h"

namespace yoke::cli {

class HostStarter {
 public:
  using Progress = std::function<void(const cluster::GroupProgress&)>;

  /// `host` has what all hosts have in common, unless their list says otherwise.
  HostStarter(HostFlags flags, const runtime::EngineOptions& engine, runtime::HostOptions host);

  /// Asks every host what it is, and refuses those that cannot take part: one sentence that names the host
  /// and the remedy. Then starts the engine there. With --dry-run prints the commands and returns nullptr.
  /// Throws Error.
  std::unique_ptr<runtime::Engine> start(const Progress& progress);

  /// Another one after the first, of which nothing may be left in this process; what is left of it on the
  /// hosts ends first. Hosts that do not answer, or cannot take part any more, are left out: hosts/regroup.h
  /// says who does their work. Shows nothing. Throws Error.
  std::unique_ptr<runtime::Engine> start_again();

  /// How the engine that start_again() has started differs from the first: half a sentence; empty where it
  /// does not.
  const std::string& change() const { return change_; }

 private:
  struct Attempt;

  void ask(Attempt& attempt, hosts::SpeedQuestion speed);
  void divide_work(const Attempt& attempt);
  runtime::EngineOptions engine_of(const std::vector<std::size_t>& ranks) const;
  std::unique_ptr<runtime::Engine> launch(Attempt& attempt, const std::vector<std::size_t>& places,
                                          const runtime::EngineOptions& engine, const Progress& progress);

  const HostFlags flags_;
  runtime::EngineOptions engine_;  // with the shares of the first start
  const runtime::HostOptions host_;
  const system::Environment environment_;
  hosts::HostList list_;                  // of the first start, in the order of its ranks, with its network
  std::vector<std::string> names_;        // as those machines call themselves
  std::string run_;                       // the last one's name
  std::vector<std::string> former_runs_;  // of which a host may have something left, the last one among them
  std::string change_;
};

}  // namespace yoke::cli
