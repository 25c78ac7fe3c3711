// Attention with normalised heads whose output goes through a gate of each token's own. Qiu et al.,
// https://arxiv.org/abs/2505.06708.
#pragma once

#include "model/config.h"
#include "model/layers/attention.h"
#include "model/partition.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

struct GatedAttention {
  // One tensor, of each head first the rows of its query.
  ops::RowMatrix q;     // (n_heads * k_dim, dim)
  ops::RowMatrix gate;  // (n_heads * v_dim, dim)
  ops::RowMatrix k;     // (n_kv_heads * k_dim, dim)
  ops::RowMatrix v;     // (n_kv_heads * v_dim, dim)
  HeadNorms norms;
  Attention attention;

  /// Adds the tensors of layer `index`, to which the table has been set.
  void add_tensors(TableBuilder& table, const Config& config, int index);
  /// What the block adds to the residual, the same on every rank: (tokens, dim).
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              const ops::Normed& x);
};

}  // namespace yoke::model
