// The attention block in pieces that a family puts together: queries, keys and values from one matrix each; a
// norm of every head; rotation; attention over the cache and the output matrix. Between two pieces a family
// does what is its own. Vaswani et al., https://arxiv.org/abs/1706.03762; grouped heads after
// https://arxiv.org/abs/2305.13245.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "model/partition.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// Of the step's tokens, for the heads of this rank.
struct Qkv {
  ops::Activations q;  // (tokens, n_heads * k_dim)
  ops::Activations k;  // (tokens, n_kv_heads * k_dim)
  ops::Activations v;  // (tokens, n_kv_heads * v_dim)
};

/// One matrix each for queries, keys and values; a bias for each where the file has it.
struct QkvProjection {
  ops::RowMatrix q;  // (n_heads * k_dim, dim)
  ops::RowMatrix k;  // (n_kv_heads * k_dim, dim)
  ops::RowMatrix v;  // (n_kv_heads * v_dim, dim)
  ops::Vector q_bias, k_bias, v_bias;

  /// Adds the tensors of layer `index`, to which the table has been set. So do all add_tensors here.
  void add_tensors(TableBuilder& table, const Config& config, int index);
  Qkv operator()(ops::Ops& ops, const ops::Normed& x) const;
};

/// RMS norm of every head of queries and keys, with one weight for all heads of a layer; none where it is
/// optional and the file has no weights. Henry et al.,
/// https://arxiv.org/abs/2010.04245, has the idea.
struct HeadNorms {
  ops::Vector q;  // (k_dim)
  ops::Vector k;  // (k_dim)

  void add_tensors(TableBuilder& table, const Config& config, bool optional = false);
  Qkv operator()(ops::Ops& ops, Qkv x, float epsilon) const;
};

/// The same with a weight of its own for every head, and layer norm in the place of RMS norm; none where the
/// file has no weights.
struct HeadLayerNorms {
  ops::Vector q;  // (n_heads, k_dim)
  ops::Vector k;  // (n_kv_heads, k_dim)

  void add_tensors(TableBuilder& table, const Config& config, int index);
  Qkv operator()(ops::Ops& ops, Qkv x, const Config& config) const;
};

/// RMS norm of the queries of all heads together, and of the keys: of values that lie on all ranks.
struct WidthNorms {
  ops::Vector q;  // (n_heads * k_dim)
  ops::Vector k;  // (n_kv_heads * k_dim)
  std::int64_t q_width = 0, k_width = 0;

  void add_tensors(TableBuilder& table, const Config& config, int index);
  Qkv operator()(ops::Ops& ops, Qkv x, const ops::Heads& heads, float epsilon) const;
};

/// Queries and keys turned by their tokens' positions. Su et al., https://arxiv.org/abs/2104.09864.
Qkv rotated(ops::Ops& ops, const ops::Rope& rope, Qkv x, std::int64_t k_dim);

/// One matrix for queries, keys and values of all heads, in this order.
struct FusedQkvProjection {
  ops::RowMatrix qkv;  // (n_heads * k_dim + n_kv_heads * (k_dim + v_dim), dim)
  ops::Vector bias;    // as many; where the file has it

  void add_tensors(TableBuilder& table, const Config& config, int index);
  Qkv operator()(ops::Ops& ops, const ops::Normed& x, const ops::Heads& heads) const;
};

/// Attention over the positions that the layer sees, and the output matrix with a bias where the file has it.
struct Attention {
  ops::ColMatrix output;    // (dim, n_heads * v_dim)
  ops::Vector output_bias;  // (dim)
  ops::AttendSpec spec;
  ops::Heads heads;
  ops::KvCache kv;

  void add_tensors(TableBuilder& table, const Config& config, int index);
  /// A sink of every head: a score that takes weight from all values. Xiao et al.,
  /// https://arxiv.org/abs/2309.17453.
  void add_sinks(TableBuilder& table, const Config& config, int index);
  /// Makes the cache.
  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches);
  /// What the block adds to the residual, the same on every rank: (tokens, dim).
  ops::Activations operator()(ops::Ops& ops, const Qkv& x);
  /// This rank's addend of it, without the bias.
  ops::Partial addend(ops::Ops& ops, const Qkv& x);
};

}  // namespace yoke::model
