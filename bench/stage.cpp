#include "bench/stage.h"

#include <optional>

#include "base/topology.h"

namespace yoke::bench {

std::vector<int> Stage::thread_counts() const {
  const int cores = read_topology().cores;
  return cores > 1 ? std::vector{1, cores} : std::vector{1};
}

void Stage::prepare(int threads) {
  constexpr std::chrono::seconds fresh{5};
  const auto known = limits_.find(threads);
  const bool stale = known == limits_.end() || Clock::now() - known->second.measured > fresh;
  const bool same_threads = pool_ != nullptr && pool_->size() == threads;
  if (same_threads && !stale) return;
  if (!same_threads) {
    // They lie where the threads of the old pool put them.
    matrices_.reset();
    kv_layers_.reset();
    pool_.reset();  // at its end the caller may use any processor again, as the next pool expects
    pool_ = std::make_unique<ThreadPool>(threads, true);
  }
  if (stale) {
    rates::Roofline roofline = rates::measure_roofline(*pool_, 1, [] {});
    limits_.insert_or_assign(threads, Limits{std::move(roofline), Clock::now()});
  }
}

Matrices& Stage::matrices(const MatrixShape& shape) {
  if (matrices_ == nullptr || matrices_->shape() != shape) {
    matrices_.reset();
    matrices_ = std::make_unique<Matrices>(shape, *pool_);
  }
  return *matrices_;
}

KvLayers& Stage::kv_layers(const kernels::KvKernels& kernels, const ops::Heads& heads) {
  if (kv_layers_ == nullptr || !kv_layers_->are_of(kernels, heads)) {
    kv_layers_.reset();
    kv_layers_ = std::make_unique<KvLayers>(kernels, heads, *pool_);
  }
  return *kv_layers_;
}

void Stage::run(benchmark::State& state, const Work& work, const std::function<void()>& iteration) const {
  const Clock::time_point start = Clock::now();
  for ([[maybe_unused]] const auto& each : state) iteration();
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  const double per_second = static_cast<double>(state.iterations()) / elapsed.count();

  const rates::Roofline& roofline = limits_.at(pool_->size()).roofline;
  state.counters["GB/s"] = work.bytes * per_second / 1e9;
  state.counters["GOP/s"] = work.ops * per_second / 1e9;
  if (const std::optional<double> stream = roofline.stream())
    state.counters["%stream"] = 100 * work.bytes * per_second / *stream;
  state.counters["%int8"] = 100 * work.ops * per_second / roofline.int8_ops();
  state.counters["%f32"] = 100 * work.ops * per_second / roofline.f32_ops();
}

bool is_too_slow(const kernels::Kernels& table, std::int64_t tokens) {
  constexpr std::int64_t most_tokens_of_plain_code = 8;
  return table.isa == "scalar" && tokens > most_tokens_of_plain_code;
}

}  // namespace yoke::bench
