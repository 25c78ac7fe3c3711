// One tile of attention. Contract: Kernels::attention_tile.
// Written over F32x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise.h"
#include "kernels/kernels.h"
#include "kernels/matmul.h"
#include "kernels/weights.h"

namespace yoke::kernels {
namespace {

/// e^(score − max) of one tile, padded with zeros.
struct TileWeights {
  alignas(64) float weight[tile_positions];
  float max;
  float sum;
};

inline void weigh_positions(const float* q, const float* k, std::int64_t k_stride, int positions, int k_dim,
                            float scale, TileWeights& tile) {
  // Scores are the product of K's rows with q: a matmul of one token.
  matmul<F32Weights>(reinterpret_cast<const std::byte*>(k),
                     static_cast<std::size_t>(k_stride) * sizeof(float), positions, k_dim, q, 0, 1,
                     tile.weight, 0);
  for (int i = positions; i < tile_positions; ++i) tile.weight[i] = -__builtin_inff();
  const F32x16 factor = F32x16::broadcast(scale);
  F32x16 most = F32x16::broadcast(-__builtin_inff());
  for (int i = 0; i < tile_positions; i += 16) {
    F32x16 scores = F32x16::load(tile.weight + i) * factor;
    scores.store(tile.weight + i);
    most = max(scores, most);
  }
  tile.max = most.reduce_max();
  const F32x16 max_score = F32x16::broadcast(tile.max);
  F32x16 sum = F32x16::broadcast(0.0f);
  for (int i = 0; i < tile_positions; i += 16) {
    const F32x16 weights = exp(F32x16::load(tile.weight + i) - max_score);
    weights.store(tile.weight + i);
    sum = sum + weights;
  }
  tile.sum = sum.reduce_add();
}

inline float exp_of(float x) {
  float lanes[16];
  exp(F32x16::broadcast(x)).store(lanes);
  return lanes[0];
}

/// acc[i] = acc[i]·keep + (Σ weight[p]·v[p][i], in order of p)·take for `vectors` × 16 values, of which the
/// last vector has `last`.
template <int vectors>
inline void merge_values(const TileWeights& tile, int positions, const float* v, std::int64_t v_stride,
                         int last, F32x16 keep, F32x16 take, float* acc) {
  const auto count = [last](int vector) { return vector + 1 == vectors ? last : 16; };
  F32x16 sum[vectors];
  for (int i = 0; i < vectors; ++i) sum[i] = F32x16::broadcast(0.0f);
  for (int p = 0; p < positions; ++p) {
    const F32x16 weight = F32x16::broadcast(tile.weight[p]);
    for (int i = 0; i < vectors; ++i) sum[i] = fma(weight, load(v + p * v_stride + 16 * i, count(i)), sum[i]);
  }
  for (int i = 0; i < vectors; ++i) {
    store(fma(load(acc + 16 * i, count(i)), keep, sum[i] * take), acc + 16 * i, count(i));
  }
}

void attention_tile(const float* q, const float* k, std::int64_t k_stride, const float* v,
                    std::int64_t v_stride, int positions, int k_dim, int v_dim, float scale,
                    SoftmaxState& state) {
  TileWeights tile;
  weigh_positions(q, k, k_stride, positions, k_dim, scale, tile);

  const float max = state.max > tile.max ? state.max : tile.max;
  const float keep = exp_of(state.max - max);
  const float take = exp_of(tile.max - max);
  state.max = max;
  state.sum = __builtin_fmaf(state.sum, keep, tile.sum * take);

  const F32x16 keep_all = F32x16::broadcast(keep);
  const F32x16 take_all = F32x16::broadcast(take);
  int i = 0;
  for (; i + 64 <= v_dim; i += 64) {
    merge_values<4>(tile, positions, v + i, v_stride, 16, keep_all, take_all, state.acc + i);
  }
  for (; i < v_dim; i += 16) {
    const int count = v_dim - i < 16 ? v_dim - i : 16;
    merge_values<1>(tile, positions, v + i, v_stride, count, keep_all, take_all, state.acc + i);
  }
}

}  // namespace
}  // namespace yoke::kernels
