// The attention block of DeepSeek's models, whose cache has one latent for each position. DeepSeek-AI,
// https://arxiv.org/abs/2405.04434, section 2.1.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "model/partition.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// Keys and values of a head are products of a latent with matrices of the head, and one rotated key for all
/// heads. For a few tokens the matrices are not applied to each latent, but to queries and to what attention
/// gives (they are "absorbed"): q·(K·c) = (Kᵀ·q)·c, and Σ w·(V·c) = V·(Σ w·c). So attention reads latents,
/// each with its rotated key behind it, as one KV head whose values are the latents themselves; and so the
/// cache keeps them. For many tokens of a sequence, whose heads would be three times as large, keys and
/// values are made ("expanded") in each step. Every rank makes and keeps latents for itself; heads are split.
struct LatentAttention {
  ops::RowMatrix q_a;     // (q_rank, dim), where queries are made of something smaller than x
  ops::Vector q_a_norm;   // (q_rank)
  ops::RowMatrix q;       // (n_heads * k_dim, q_rank, or dim)
  ops::RowMatrix kv_a;    // (kv_rank + rope.dims, dim)
  ops::Vector kv_a_norm;  // (kv_rank)
  ops::HeadMatrices k_b;  // (n_heads, kv_rank, k_dim - rope.dims)
  ops::HeadMatrices v_b;  // (n_heads, v_dim, kv_rank)
  ops::ColMatrix output;  // (dim, n_heads * v_dim)
  ops::Heads heads;       // as attention sees them
  ops::KvCache kv;

  /// Adds the tensors of layer `index`, to which the table has been set.
  void add_tensors(TableBuilder& table, const Config& config, int index);
  /// Makes the cache.
  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches);
  /// What the block adds to the residual, the same on every rank: (tokens, dim).
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              const ops::Normed& x);

 private:
  /// Of x: queries (tokens, n_heads * k_dim), and latents with their keys before norm and rotation,
  /// (tokens, kv_rank + rope.dims).
  struct Projected {
    ops::Activations q, kv;
  };
  Projected project(ops::Ops& ops, const Config& config, const ops::Normed& x) const;
};

}  // namespace yoke::model
