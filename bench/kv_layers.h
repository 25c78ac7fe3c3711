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
  static constexpr std::int64_t kv_heads = 8, positions = 8192;

  /// The kernels outlive the layers. Tiles are first written in the order in which threads share them.
  KvLayers(const kernels::KvKernels& kernels, std::int64_t head_dim, ThreadPool& pool);

  const kernels::KvKernels& kernels() const { return kernels_; }
  std::int64_t head_dim() const { return head_dim_; }
  /// The next one; the first again after the last. It has a page for each page_positions positions.
  const ops::cpu::PagedKv& next();

 private:
  const kernels::KvKernels& kernels_;
  std::int64_t head_dim_;
  std::vector<std::unique_ptr<ops::cpu::PagedKv>> layers_;
  std::size_t taken_ = 0;
};

}  // namespace yoke::bench
