// Threads that multiply one token with panels of weights that lie in memory: what generating does all the
// time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace yoke::rates {

/// Bytes of memory that threads should walk through on a machine with a last-level cache of `cache` bytes and
/// `available` bytes of free memory, each divided by the ranks that measure at once: more than the cache
/// holds, and no more than an eighth of what is free. Nothing where that cannot be, and where the weights
/// that are to be multiplied are fewer than these.
std::optional<std::uint64_t> walk_bytes(std::uint64_t cache, std::uint64_t available, std::uint64_t weights);

/// Fills memory with what passes for panels of any format. Who reads panels also writes them first, so that
/// they lie in the memory nearest to that thread.
void fill_panels(ThreadPool& pool, std::span<std::byte> memory);

/// Panels that threads read, each its own and a part of them at a time, front to back and again.
class PanelWalk {
 public:
  /// `type` is one that kernels multiply; `memory` is filled and outlives this, as the pool does.
  PanelWalk(ThreadPool& pool, std::span<const std::byte> memory, quant::Type type);

  /// All threads take their next part; bytes per second.
  double pass(kernels::Kernels::PanelMultiply multiply);
  /// Each thread takes part after part, as fast as it is by itself, until so much time is over; bytes per
  /// second of all together.
  double stroll(kernels::Kernels::PanelMultiply multiply, std::chrono::duration<double> time);

 private:
  std::uint64_t bytes_of_part() const;
  std::int64_t panels_of(std::uint64_t bytes) const;
  kernels::PanelProduct product_of(int thread);

  /// What a thread is at.
  struct alignas(64) Walker {
    std::vector<float> results;
    std::int64_t next = 0;
  };

  ThreadPool& pool_;
  std::span<const std::byte> memory_;
  kernels::PanelColumns columns_;
  std::int64_t panels_of_thread_, panels_of_part_;
  std::vector<kernels::ActivationBlock> token_;
  std::vector<float> floats_;  // the same token
  std::vector<Walker> walkers_;
};

}  // namespace yoke::rates
