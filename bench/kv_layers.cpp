#include "bench/kv_layers.h"

#include <cstring>
#include <numeric>
#include <vector>

#include "bench/matrices.h"
#include "bench/random.h"

namespace yoke::bench {
namespace {

/// A cache of one tile that holds random keys and values.
std::unique_ptr<ops::cpu::PagedKv> random_tile(const kernels::KvKernels& kernels, ops::Heads heads,
                                               ThreadPool& pool) {
  heads.n_kv_heads = 1;
  auto cache = std::make_unique<ops::cpu::PagedKv>(kernels, heads, ops::cpu::PageMap{.pages = 1});
  std::vector<std::int32_t> sequences(kernels::tile_positions, 0), positions(sequences);
  std::iota(positions.begin(), positions.end(), 0);
  const std::vector<std::int32_t> pages = {0};
  const std::vector<float> values = random_floats(2 * kernels::tile_positions * heads.k_dim);
  ops::cpu::store({sequences, positions, sequences, {}, {pages}}, heads, *cache, pool, values.data(),
                  values.data() + kernels::tile_positions * heads.k_dim);
  return cache;
}

}  // namespace

KvLayers::KvLayers(const kernels::KvKernels& kernels, const ops::Heads& heads, ThreadPool& pool)
    : kernels_(kernels), heads_(heads) {
  constexpr std::int64_t pages = positions / ops::page_positions;
  const std::unique_ptr<ops::cpu::PagedKv> sample = random_tile(kernels, heads, pool);
  const std::size_t tile_bytes = sample->tile_bytes;
  const std::uint64_t enough = uncached_bytes();
  for (std::uint64_t bytes = 0; bytes < enough; bytes += tile_bytes * heads.n_kv_heads * pages) {
    layers_.push_back(std::make_unique<ops::cpu::PagedKv>(kernels, heads, ops::cpu::PageMap{.pages = pages}));
    std::byte* const tiles = layers_.back()->tile(0, 0);
    pool.split(heads.n_kv_heads * pages, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile)
        std::memcpy(tiles + static_cast<std::size_t>(tile) * tile_bytes, sample->tile(0, 0), tile_bytes);
    });
  }
}

bool KvLayers::are_of(const kernels::KvKernels& kernels, const ops::Heads& heads) const {
  return &kernels_ == &kernels && heads_.n_kv_heads == heads.n_kv_heads && heads_.k_dim == heads.k_dim &&
         heads_.v_dim == heads.v_dim && heads_.keys_hold_values == heads.keys_hold_values;
}

const ops::cpu::PagedKv& KvLayers::next() { return *layers_[taken_++ % layers_.size()]; }

}  // namespace yoke::bench
