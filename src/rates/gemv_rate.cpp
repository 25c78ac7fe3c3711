#include "rates/gemv_rate.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/anonymous_memory.h"
#include "base/topology.h"

namespace yoke::rates {
namespace {

using kernels::Gemv;
using kernels::gemvs;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::uint64_t mebi = std::uint64_t{1} << 20;
/// Columns of the weights: a usual width, so that a panel is as long as a model's.
constexpr std::int64_t cols = 2048;
/// What each thread reads in a pass, at least: beside that a region's beginning and end do not count.
constexpr std::uint64_t pass_bytes_of_thread = mebi;
/// What all read: no more takes less than what a system gives a thread at a time, so that some passes end
/// undisturbed where others use the processors, too.
constexpr std::uint64_t least_pass_bytes = 8 * mebi;
/// Passes of each way; fewer where the machine is slow.
constexpr int most_passes = 15, least_passes = 5;
/// Of all formats together, after which no more passes are made than must be.
constexpr Seconds patience{0.12};

/// Any panels are as good as others, if no factor in them, whatever its format, is so small or so large that
/// a processor takes longer for it: of floats of 16 and 32 bits, and of exponents, this byte makes such.
constexpr int filling = 0x30;

/// Panels that threads read, each its own and a part of them in a pass.
class Walk {
 public:
  Walk(ThreadPool& pool, std::span<const std::byte> memory, quant::Type type)
      : pool_(pool),
        memory_(memory),
        columns_{type, 0, cols},
        panels_of_thread_(panels_of(memory.size() / static_cast<std::size_t>(pool.size()))),
        panels_of_pass_(std::min(panels_of_thread_, panels_of(bytes_of_pass()))),
        token_(static_cast<std::size_t>(2 * columns_.units()), one_block()),
        results_(static_cast<std::size_t>(pool.size())) {
    for (std::vector<float>& each : results_)
      each.resize(static_cast<std::size_t>(panels_of_pass_ * kernels::panel_rows));
  }

  /// Bytes per second of the next pass.
  double pass(kernels::Kernels::PanelMultiply multiply) {
    if (next_ + panels_of_pass_ > panels_of_thread_) next_ = 0;
    const auto start = Clock::now();
    pool_.run([&](int thread) { multiply(product_of(thread)); });
    const Seconds seconds = Clock::now() - start;
    next_ += panels_of_pass_;
    return static_cast<double>(panels_of_pass_ * pool_.size()) * static_cast<double>(columns_.bytes()) /
           seconds.count();
  }

 private:
  static kernels::ActivationBlock one_block() {
    kernels::ActivationBlock block{};
    std::fill(std::begin(block.q), std::end(block.q), std::int8_t{1});
    block.d = 1;
    return block;
  }
  std::int64_t panels_of(std::uint64_t bytes) const {
    return static_cast<std::int64_t>(bytes / columns_.bytes());
  }
  std::uint64_t bytes_of_pass() const {
    return std::max(pass_bytes_of_thread, least_pass_bytes / static_cast<std::uint64_t>(pool_.size()));
  }

  kernels::PanelProduct product_of(int thread) {
    const std::size_t begin =
        memory_.size() * static_cast<std::size_t>(thread) / static_cast<std::size_t>(pool_.size()) / 64 * 64;
    kernels::PanelProduct product{};
    product.panels = memory_.data() + begin + static_cast<std::size_t>(next_) * columns_.bytes();
    product.panel_bytes = columns_.bytes();
    product.rows = panels_of_pass_ * kernels::panel_rows;
    product.units = columns_.units();
    product.end_panel = panels_of_pass_;
    product.x.blocks = token_.data();
    product.x.block_stride = std::ssize(token_);
    product.end_token = 1;
    product.y = results_[static_cast<std::size_t>(thread)].data();
    product.y_stride = product.rows;
    return product;
  }

  ThreadPool& pool_;
  std::span<const std::byte> memory_;
  kernels::PanelColumns columns_;
  std::int64_t panels_of_thread_, panels_of_pass_;
  std::vector<kernels::ActivationBlock> token_;
  std::vector<std::vector<float>> results_;  // of each thread
  std::int64_t next_ = 0;
};

GemvRate rate_of(Walk& walk, const kernels::Kernels& kernels, quant::Type type, Seconds patience_of_type) {
  GemvRate rate{type, {}};
  const auto start = Clock::now();
  for (int pass = 0; pass < most_passes; ++pass) {
    if (pass >= least_passes && Clock::now() - start > patience_of_type) break;
    for (std::size_t i = 0; i < gemvs.size(); ++i)
      rate.bytes_per_second[i] =
          std::max(rate.bytes_per_second[i], walk.pass(kernels.panel_multiply(type, gemvs[i])));
  }
  return rate;
}

}  // namespace

Gemv GemvRate::better() const {
  constexpr double least_gain = 1.03;
  const auto fastest = std::max_element(bytes_per_second.begin(), bytes_per_second.end());
  return *fastest > least_gain * bytes_per_second.front() ? gemvs[fastest - bytes_per_second.begin()]
                                                          : gemvs.front();
}

std::optional<std::uint64_t> gemv_bytes(std::uint64_t cache, std::uint64_t available, std::uint64_t weights) {
  const std::uint64_t bytes = std::max(64 * mebi, cache + cache / 2);
  if (bytes > available / 8 || bytes > weights) return std::nullopt;
  return bytes;
}

std::vector<GemvRate> measure_gemv(ThreadPool& pool, const kernels::Kernels& kernels,
                                   std::span<const quant::Type> types, std::uint64_t bytes) {
  std::vector<quant::Type> with_choice;
  std::copy_if(types.begin(), types.end(), std::back_inserter(with_choice),
               [&](quant::Type type) { return kernels.has_gemvs(type); });
  if (with_choice.empty()) return {};
  const AnonymousMemory memory(bytes);
  // Who reads panels also writes them first, so that they lie in the memory nearest to that thread.
  pool.split(static_cast<std::int64_t>(bytes), 64, [&](std::int64_t begin, std::int64_t end) {
    std::memset(memory.bytes().data() + begin, filling, static_cast<std::size_t>(end - begin));
  });
  std::vector<GemvRate> rates;
  for (const quant::Type type : with_choice) {
    Walk walk(pool, memory.bytes(), type);
    rates.push_back(rate_of(walk, kernels, type, patience / static_cast<double>(with_choice.size())));
  }
  return rates;
}

kernels::GemvOfTypes choose_gemv(ThreadPool& pool, const kernels::Kernels& kernels,
                                 std::span<const quant::Type> types, std::uint64_t weights, int ranks_here) {
  kernels::GemvOfTypes ways;
  if (const std::optional<Gemv> asked = kernels::asked_gemv()) {
    ways.take(*asked);
    return ways;
  }
  const auto ranks = static_cast<std::uint64_t>(ranks_here);
  if (const std::optional<std::uint64_t> bytes =
          gemv_bytes(read_topology().cache / ranks, read_memory().available / ranks, weights)) {
    for (const GemvRate& rate : measure_gemv(pool, kernels, types, *bytes))
      ways.take(rate.type, rate.better());
  }
  return ways;
}

}  // namespace yoke::rates
