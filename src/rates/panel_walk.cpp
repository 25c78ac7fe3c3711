#include "rates/panel_walk.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace yoke::rates {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::uint64_t mebi = std::uint64_t{1} << 20;
/// Columns of the weights: a usual width, so that a panel is as long as a model's.
constexpr std::int64_t cols = 2048;
/// What each thread reads in a pass, at least: beside that a region's beginning and end do not count.
constexpr std::uint64_t part_bytes_of_thread = mebi;
/// What all read: no more takes less than what a system gives a thread at a time, so that some passes end
/// undisturbed where others use the processors, too.
constexpr std::uint64_t least_pass_bytes = 8 * mebi;

/// Any panels are as good as others, if no factor in them, whatever its format, is so small or so large that
/// a processor takes longer for it: of floats of 16 and 32 bits, and of exponents, this byte makes such.
constexpr int filling = 0x30;

kernels::ActivationBlock one_block() {
  kernels::ActivationBlock block{};
  std::fill(std::begin(block.q), std::end(block.q), std::int8_t{1});
  block.d = 1;
  return block;
}

}  // namespace

std::optional<std::uint64_t> walk_bytes(std::uint64_t cache, std::uint64_t available, std::uint64_t weights) {
  const std::uint64_t bytes = std::max(64 * mebi, cache + cache / 2);
  if (bytes > available / 8 || bytes > weights) return std::nullopt;
  return bytes;
}

void fill_panels(ThreadPool& pool, std::span<std::byte> memory) {
  pool.split(std::ssize(memory), 64, [&](std::int64_t begin, std::int64_t end) {
    std::memset(memory.data() + begin, filling, static_cast<std::size_t>(end - begin));
  });
}

PanelWalk::PanelWalk(ThreadPool& pool, std::span<const std::byte> memory, quant::Type type)
    : pool_(pool),
      memory_(memory),
      columns_{type, 0, cols},
      panels_of_thread_(panels_of(memory.size() / static_cast<std::size_t>(pool.size()))),
      panels_of_part_(std::min(panels_of_thread_, panels_of(bytes_of_part()))),
      token_(static_cast<std::size_t>(2 * columns_.units()), one_block()),
      floats_(static_cast<std::size_t>(cols), 1.0F),
      walkers_(static_cast<std::size_t>(pool.size())) {
  for (Walker& each : walkers_)
    each.results.resize(static_cast<std::size_t>(panels_of_part_ * kernels::panel_rows));
}

double PanelWalk::pass(kernels::Kernels::PanelMultiply multiply) {
  const auto start = Clock::now();
  pool_.run([&](int thread) { multiply(product_of(thread)); });
  const Seconds seconds = Clock::now() - start;
  return static_cast<double>(panels_of_part_ * pool_.size()) * static_cast<double>(columns_.bytes()) /
         seconds.count();
}

double PanelWalk::stroll(kernels::Kernels::PanelMultiply multiply, Seconds time) {
  std::vector<double> rates(walkers_.size());
  pool_.run([&](int thread) {
    const auto start = Clock::now();
    std::int64_t panels = 0;
    Seconds taken{};
    do {
      multiply(product_of(thread));
      panels += panels_of_part_;
      taken = Clock::now() - start;
    } while (taken < time);
    rates[static_cast<std::size_t>(thread)] =
        static_cast<double>(panels) * static_cast<double>(columns_.bytes()) / taken.count();
  });
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

std::int64_t PanelWalk::panels_of(std::uint64_t bytes) const {
  return static_cast<std::int64_t>(bytes / columns_.bytes());
}

std::uint64_t PanelWalk::bytes_of_part() const {
  return std::max(part_bytes_of_thread, least_pass_bytes / static_cast<std::uint64_t>(pool_.size()));
}

kernels::PanelProduct PanelWalk::product_of(int thread) {
  Walker& walker = walkers_[static_cast<std::size_t>(thread)];
  if (walker.next + panels_of_part_ > panels_of_thread_) walker.next = 0;
  const std::size_t begin =
      memory_.size() * static_cast<std::size_t>(thread) / static_cast<std::size_t>(pool_.size()) / 64 * 64;
  kernels::PanelProduct product{};
  product.panels = memory_.data() + begin + static_cast<std::size_t>(walker.next) * columns_.bytes();
  product.panel_bytes = columns_.bytes();
  product.rows = panels_of_part_ * kernels::panel_rows;
  product.units = columns_.units();
  product.end_panel = panels_of_part_;
  product.x = {floats_.data(), std::ssize(floats_), token_.data(), std::ssize(token_)};
  product.end_token = 1;
  product.y = walker.results.data();
  product.y_stride = product.rows;
  walker.next += panels_of_part_;
  return product;
}

}  // namespace yoke::rates
