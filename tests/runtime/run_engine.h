// Engines of N ranks as threads, for the tests of this folder.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "comm/threads.h"
#include "runtime/local_engine.h"

namespace yoke::runtime {

inline EngineOptions demo_options() {
  EngineOptions options;
  options.model = std::filesystem::path(YOKE_MODELS) / "demo.gguf";
  return options;
}

/// Runs `talk` with the leader's engine while the other ranks follow.
inline void with_engine(int ranks, const EngineOptions& options, const std::function<void(Engine&)>& talk) {
  const Progress ignore = [](std::uint64_t, std::uint64_t) {};
  comm::run_ranks(ranks, [&](comm::Comm& comm) {
    if (comm.rank() != 0) return follow(options, comm, ignore);
    talk(*lead(options, comm, ignore));
  });
}

}  // namespace yoke::runtime
