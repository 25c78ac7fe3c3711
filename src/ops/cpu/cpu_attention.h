// Paged attention of the CPU backend.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/anonymous_memory.h"
#include "kernels/kernels.h"
#include "ops/cpu/page_map.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// One layer's keys and values: (n_kv_heads, pages) tiles, so that consecutive pages of a head are one stream
/// of memory. Of a long context only what has been written to is there: huge pages of 2 MB, where the system
/// has them.
struct PagedKv final : Storage {
  PagedKv(const kernels::KvKernels& kernels, const Heads& heads, const PageMap& page_map);

  std::byte* tile(std::int64_t kv_head, std::int64_t page) const {
    return memory.bytes().data() + static_cast<std::size_t>(kv_head * map.pages + page) * tile_bytes;
  }

  const kernels::KvKernels& kernels;  // of the type that the tiles have
  PageMap map;
  std::size_t tile_bytes;
  AnonymousMemory memory;
};

/// Bytes of the tiles of a PagedKv; the largest number there is where they do not fit in 64 bits.
std::uint64_t paged_kv_bytes(kernels::KvType type, const Heads& heads, std::int64_t pages);

/// The most scratch that attend() takes for a step of `tokens` tokens.
std::uint64_t attend_scratch_bytes(const Heads& heads, const PageMap& map, std::int64_t tokens);

/// Writes k (tokens, n_kv_heads · k_dim) and v (tokens, n_kv_heads · v_dim), which is not read where keys
/// hold values, to the step's positions.
void store(const Step& step, const Heads& heads, const PagedKv& cache, ThreadPool& pool, const float* k,
           const float* v);

/// Attention of q (tokens, n_heads · k_dim) into out (tokens, n_heads · v_dim). `sinks` (n_heads) may be
/// null. Each row merges its tiles in order, so how threads share the work changes no bit.
void attend(const Step& step, const Heads& heads, const AttendSpec& spec, const float* sinks,
            const PagedKv& cache, const Tools& tools, const float* q, float* out);

}  // namespace yoke::ops::cpu
