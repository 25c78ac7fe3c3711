// Paged attention of the CPU backend.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "ops/cpu/cpu_weights.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// One layer's pages: keys are (pages, n_kv_heads, page_positions, k_dim), values likewise with v_dim,
/// float32.
struct PagedKv final : Storage {
  PagedKv(const Heads& heads, std::int64_t n_pages);

  float* key(std::int64_t page, std::int64_t kv_head, std::int64_t slot) const {
    return keys.get() + ((page * n_kv_heads + kv_head) * page_positions + slot) * k_dim;
  }
  float* value(std::int64_t page, std::int64_t kv_head, std::int64_t slot) const {
    return values.get() + ((page * n_kv_heads + kv_head) * page_positions + slot) * v_dim;
  }

  std::int64_t pages;
  std::int64_t n_kv_heads;
  std::int64_t k_dim;
  std::int64_t v_dim;
  AlignedArray<float> keys;
  AlignedArray<float> values;
};

/// Writes k (tokens, n_kv_heads · k_dim) and v (tokens, n_kv_heads · v_dim) to the step's positions.
void store(const Step& step, PagedKv& cache, const float* k, const float* v);

/// Causal attention of q (tokens, n_heads · k_dim) into out (tokens, n_heads · v_dim), pages in order.
void attend(const Step& step, const Heads& heads, const PagedKv& cache, const kernels::Kernels& kernels,
            ThreadPool& pool, const float* q, float scale, float* out);

}  // namespace yoke::ops::cpu
