// microbench: how near each kernel comes to what the machine can do. Google Benchmark's flags choose and
// print; docs/performance.md explains the counters.
#include <cstdio>

#include "base/error.h"
#include "bench/stage.h"

int main(int argc, char** argv) {
  yoke::bench::Stage stage;
  yoke::bench::add_regions(stage);
  yoke::bench::add_matmuls(stage);
  yoke::bench::add_panels(stage);
  yoke::bench::add_attention(stage);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  try {
    benchmark::RunSpecifiedBenchmarks();
  } catch (const yoke::Error& error) {
    fmt::print(stderr, "microbench: {}\n", error.what());
    return 1;
  }
  benchmark::Shutdown();
  return 0;
}
