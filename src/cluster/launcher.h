// Starts an engine on this machine.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "cluster/protocol.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"
#include "system/build_id.h"
#include "system/environment.h"

namespace yoke::cluster {

struct LaunchOptions {
  runtime::EngineOptions engine;
  runtime::HostOptions host;
  int ranks = 1;
  std::filesystem::path executable = "/proc/self/exe";              // must know the command `engine`
  system::Environment environment = system::current_environment();  // for the engine
  system::BuildId build = system::this_build();
};

/// Starts the ranks and returns once the model is loaded; `progress` (may be empty) is called meanwhile, in
/// this thread. Call it from a thread that lives as long as the engine: the engine dies with it. Throws Error
/// with the one sentence to show.
std::unique_ptr<runtime::Engine> launch(const LaunchOptions& options,
                                        const std::function<void(const GroupProgress&)>& progress);

}  // namespace yoke::cluster
