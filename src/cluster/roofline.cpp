#include "cluster/roofline.h"

#include <fmt/core.h>

#include <cassert>

#include "base/statistics.h"
#include "base/thread_pool.h"
#include "base/topology.h"
#include "cluster/multiply_rate.h"
#include "cluster/stream_rate.h"

namespace yoke::cluster {
namespace {

constexpr int passes = 7;

void append(std::vector<double>& to, const std::vector<double>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

void Roofline::measure() {
  ThreadPool pool(threads_, true);
  const kernels::Kernels& best = *kernels::available().front();
  append(int8_, measure_multiply(pool, best, Operands::int8, passes));
  append(f32_, measure_multiply(pool, best, Operands::f32, passes));
  const std::uint64_t available = read_memory().available;
  if (const std::optional<std::uint64_t> bytes = stream_bytes(read_topology().cache, available)) {
    append(stream_, measure_stream(pool, *bytes, passes));
  } else {
    no_stream_ = fmt::format("{} of free memory are too little to do it with", format_bytes(available));
  }
}

std::optional<double> Roofline::stream() const {
  return stream_.empty() ? std::nullopt : std::optional(median(stream_));
}

double Roofline::int8_ops() const {
  assert(!int8_.empty() && "measure() comes first");
  return median(int8_);
}

double Roofline::f32_ops() const {
  assert(!f32_.empty() && "measure() comes first");
  return median(f32_);
}

}  // namespace yoke::cluster
