// The limits that a measured speed is held against.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"

namespace yoke::rates {

/// What some threads can do at most, pass by pass of a measurement. Machines drift, so it is measured again
/// and again around what is held against it, and the median of all passes counts.
struct Roofline {
  std::vector<double> stream_passes;  // bytes per second that are read of memory
  std::string no_stream;              // why there are none: half a sentence
  // Operations per second with the best instruction set of the machine, whichever kernels are in use; a
  // multiply-add is two.
  std::vector<double> int8_passes;
  std::vector<double> f32_passes;

  /// Adds the passes of a later measurement.
  void append(const Roofline& later);
  std::optional<double> stream() const;
  double int8_ops() const;
  double f32_ops() const;
};

/// Measures what the pool's threads can do, in a fraction of a second. Where ranks measure at once, so many
/// of them as `ranks_here` share this machine's free memory, and `meet` lets each kind of measurement begin
/// together. Throws Error where the system does not give the memory.
Roofline measure_roofline(ThreadPool& pool, int ranks_here, const std::function<void()>& meet);

/// What ranks that measured at once can do together: pass by pass the sum.
Roofline sum(std::span<const Roofline> ranks);

}  // namespace yoke::rates
