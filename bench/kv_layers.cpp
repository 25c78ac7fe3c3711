#include "bench/kv_layers.h"

#include <cstring>

#include "bench/matrices.h"
#include "bench/random.h"
#include "ops/cpu/cpu_weights.h"

namespace yoke::bench {
namespace {

void fill(const kernels::KvKernels& kernels, std::int64_t head_dim, std::byte* tile) {
  const auto dim = static_cast<int>(head_dim);
  const std::vector<float> values = random_floats(2 * kernels::tile_positions * head_dim);
  for (int slot = 0; slot < kernels::tile_positions; ++slot) {
    const float* const key = values.data() + 2 * slot * head_dim;
    kernels.store(key, key + head_dim, dim, dim, slot, tile);
  }
}

}  // namespace

KvLayers::KvLayers(const kernels::KvKernels& kernels, std::int64_t head_dim, ThreadPool& pool)
    : kernels_(kernels), head_dim_(head_dim) {
  constexpr std::int64_t pages = positions / ops::page_positions;
  const ops::Heads heads{.n_kv_heads = kv_heads, .k_dim = head_dim, .v_dim = head_dim};
  const std::size_t tile_bytes = kernels::kv_tile_bytes(kernels.type, head_dim, head_dim);
  const ops::cpu::AlignedArray<std::byte> sample = ops::cpu::allocate_bytes(tile_bytes);
  fill(kernels, head_dim, sample.get());
  const std::uint64_t enough = uncached_bytes();
  for (std::uint64_t bytes = 0; bytes < enough; bytes += tile_bytes * kv_heads * pages) {
    layers_.push_back(std::make_unique<ops::cpu::PagedKv>(kernels, heads, pages));
    std::byte* const tiles = layers_.back()->tile(0, 0);
    pool.split(kv_heads * pages, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile)
        std::memcpy(tiles + static_cast<std::size_t>(tile) * tile_bytes, sample.get(), tile_bytes);
    });
  }
}

const ops::cpu::PagedKv& KvLayers::next() { return *layers_[taken_++ % layers_.size()]; }

}  // namespace yoke::bench
