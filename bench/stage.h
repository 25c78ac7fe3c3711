// What the benchmarks of this program share.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "bench/kv_layers.h"
#include "bench/matrices.h"
#include "kernels/kernels.h"
#include "rates/roofline.h"

namespace yoke::bench {

/// What one iteration of a benchmark must do, however it does it.
struct Work {
  double bytes = 0;  // of weights, or of keys and values, to read
  double ops = 0;    // multiplications and additions
};

/// The machine as a benchmark finds it: threads pinned to cores, weights or keys and values, and the limits
/// to compare with. Only what was asked for last is kept.
class Stage {
 public:
  /// Numbers of threads to measure with: one, and one for each core.
  std::vector<int> thread_counts() const;

  /// Sets the stage for benchmarks with so many threads, and measures the limits unless that was moments ago.
  void prepare(int threads);
  /// As many threads as prepare() was told.
  ThreadPool& pool() { return *pool_; }
  Matrices& matrices(const MatrixShape& shape);
  KvLayers& kv_layers(const kernels::KvKernels& kernels, const ops::Heads& heads);

  /// Runs `iteration` as often as the library wants, and adds counters: how fast it was, and what percentage
  /// of the stream read bandwidth and of the int8 and f32 peaks `work` comes to.
  void run(benchmark::State& state, const Work& work, const std::function<void()>& iteration) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    rates::Roofline roofline;
    Clock::time_point measured;
  };

  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Matrices> matrices_;
  std::unique_ptr<KvLayers> kv_layers_;
  std::map<int, Limits> limits_;  // by number of threads
};

/// Plain code is there to compare results with; hundreds of tokens would take it minutes.
bool is_too_slow(const kernels::Kernels& table, std::int64_t tokens);

/// Add benchmarks to the library's list. `stage` outlives them.
void add_attention(Stage& stage);
void add_matmuls(Stage& stage);
void add_panels(Stage& stage);
void add_regions(Stage& stage);

}  // namespace yoke::bench
