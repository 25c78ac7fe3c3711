#include "rates/roofline.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>

#include "base/statistics.h"
#include "base/topology.h"
#include "rates/multiply_rate.h"
#include "rates/stream_rate.h"

namespace yoke::rates {
namespace {

constexpr int passes = 7;

using Passes = std::vector<double>;

void append_passes(Passes& to, const Passes& more) { to.insert(to.end(), more.begin(), more.end()); }

Passes sum_of(std::span<const Roofline> ranks, Passes Roofline::*kind) {
  Passes total = ranks.front().*kind;
  for (const Roofline& rank : ranks.subspan(1)) {
    const Passes& addend = rank.*kind;
    assert(addend.size() == total.size());
    std::transform(total.begin(), total.end(), addend.begin(), total.begin(), std::plus<>());
  }
  return total;
}

}  // namespace

void Roofline::append(const Roofline& later) {
  append_passes(stream_passes, later.stream_passes);
  append_passes(int8_passes, later.int8_passes);
  append_passes(f32_passes, later.f32_passes);
  no_stream = later.no_stream;
}

std::optional<double> Roofline::stream() const {
  return stream_passes.empty() ? std::nullopt : std::optional(median(stream_passes));
}

double Roofline::int8_ops() const {
  assert(!int8_passes.empty() && "it has not been measured");
  return median(int8_passes);
}

double Roofline::f32_ops() const {
  assert(!f32_passes.empty() && "it has not been measured");
  return median(f32_passes);
}

Roofline measure_roofline(ThreadPool& pool, int ranks_here, const std::function<void()>& meet) {
  const kernels::Kernels& best = *kernels::available().front();
  Roofline roofline;
  meet();
  roofline.int8_passes = measure_multiply(pool, best, Operands::int8, passes);
  meet();
  roofline.f32_passes = measure_multiply(pool, best, Operands::f32, passes);
  const std::uint64_t available = read_memory().available / static_cast<std::uint64_t>(ranks_here);
  meet();
  if (const std::optional<std::uint64_t> bytes = stream_bytes(read_topology().cache, available)) {
    roofline.stream_passes = measure_stream(pool, *bytes, passes);
  } else {
    roofline.no_stream =
        fmt::format("{} of free memory are too little to do it with", format_bytes(available));
  }
  return roofline;
}

Roofline sum(std::span<const Roofline> ranks) {
  Roofline total{{}, {}, sum_of(ranks, &Roofline::int8_passes), sum_of(ranks, &Roofline::f32_passes)};
  const auto without = std::find_if(ranks.begin(), ranks.end(),
                                    [](const Roofline& rank) { return rank.stream_passes.empty(); });
  if (without == ranks.end()) {
    total.stream_passes = sum_of(ranks, &Roofline::stream_passes);
  } else {
    total.no_stream = without->no_stream;
  }
  return total;
}

}  // namespace yoke::rates
