#include "ops/cpu/cpu_attention.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

namespace yoke::ops::cpu {

static_assert(page_positions == kernels::tile_positions, "a page is one tile of attention");

PagedKv::PagedKv(const Heads& heads, std::int64_t n_pages)
    : pages(n_pages),
      n_kv_heads(heads.n_kv_heads),
      k_dim(heads.k_dim),
      v_dim(heads.v_dim),
      keys(allocate_floats(static_cast<std::size_t>(pages * n_kv_heads * page_positions * k_dim))),
      values(allocate_floats(static_cast<std::size_t>(pages * n_kv_heads * page_positions * v_dim))) {}

void store(const Step& step, PagedKv& cache, const float* k, const float* v) {
  for (std::size_t t = 0; t < step.tokens.size(); ++t) {
    const std::int32_t position = step.positions[t];
    const std::int32_t page = step.page_tables[step.sequences[t]][position / page_positions];
    assert(page >= 0 && page < cache.pages);
    const std::int32_t slot = position % page_positions;
    for (std::int64_t head = 0; head < cache.n_kv_heads; ++head) {
      std::memcpy(cache.key(page, head, slot), k, static_cast<std::size_t>(cache.k_dim) * sizeof(float));
      std::memcpy(cache.value(page, head, slot), v, static_cast<std::size_t>(cache.v_dim) * sizeof(float));
      k += cache.k_dim;
      v += cache.v_dim;
    }
  }
}

void attend(const Step& step, const Heads& heads, const PagedKv& cache, const kernels::Kernels& kernels,
            ThreadPool& pool, const float* q, float scale, float* out) {
  const auto attend_one = [&](std::int64_t token, std::int64_t head) {
    const std::int64_t index = token * heads.n_heads + head;
    const std::int64_t kv_head = (heads.first_head + head) / heads.group - heads.first_kv_head;
    const std::span<const std::int32_t> pages = step.page_tables[step.sequences[token]];
    float* const acc = out + index * heads.v_dim;
    std::fill_n(acc, heads.v_dim, 0.0f);
    kernels::SoftmaxState state{-std::numeric_limits<float>::infinity(), 0.0f, acc};
    const std::int64_t visible = step.positions[token] + 1;
    for (std::int64_t first = 0; first < visible; first += page_positions) {
      const std::int32_t page = pages[first / page_positions];
      const int positions = static_cast<int>(std::min<std::int64_t>(page_positions, visible - first));
      kernels.attention_tile(q + index * heads.k_dim, cache.key(page, kv_head, 0), heads.k_dim,
                             cache.value(page, kv_head, 0), heads.v_dim, positions,
                             static_cast<int>(heads.k_dim), static_cast<int>(heads.v_dim), scale, state);
    }
    for (std::int64_t i = 0; i < heads.v_dim; ++i) acc[i] /= state.sum;
  };
  const std::int64_t tokens = static_cast<std::int64_t>(step.tokens.size());
  pool.split(tokens * heads.n_heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) attend_one(i / heads.n_heads, i % heads.n_heads);
  });
}

}  // namespace yoke::ops::cpu
