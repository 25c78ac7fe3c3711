// What a parallel region costs by itself.
#include <fmt/core.h>

#include "bench/stage.h"

namespace yoke::bench {

void add_regions(Stage& stage) {
  for (const int threads : stage.thread_counts()) {
    const std::string name = fmt::format("region/threads:{}", threads);
    benchmark::RegisterBenchmark(name.c_str(), [&stage, threads](benchmark::State& state) {
      stage.prepare(threads);
      for ([[maybe_unused]] const auto& each : state) stage.pool().run([](int) {});
    })->UseRealTime();
  }
}

}  // namespace yoke::bench
