// Keys and values to attend to, far more than any cache holds.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kv.h"
#include "ops/cpu/cpu_attention.h"

namespace yoke::bench {

/// KV caches of random keys and values, one for each layer of a model. Taking one after the other, each is
/// read from memory.
class KvLayers {
 public:
  static constexpr std::int64_t positions = 8192;

  /// The kernels outlive the layers. Tiles are first written in the order in which threads share them.
  KvLayers(const kernels::KvKernels& kernels, const ops::Heads& heads, ThreadPool& pool);

  /// Whether they are of these kernels, and for KV heads like these.
  bool are_of(const kernels::KvKernels& kernels, const ops::Heads& heads) const;
  /// The next one; the first again after the last. It has a page for each page_positions positions.
  const ops::cpu::PagedKv& next();

 private:
  const kernels::KvKernels& kernels_;
  ops::Heads heads_;
  std::vector<std::unique_ptr<ops::cpu::PagedKv>> layers_;
  std::size_t taken_ = 0;
};

}  // namespace yoke::bench
