// The feed-forward block of a layer.
#pragma once

#include "model/config.h"
#include "model/layers/experts.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// down · (silu(gate · x) ⊙ (up · x)), with biases where the file has them. Shazeer,
/// https://arxiv.org/abs/2002.05202.
struct SwiGlu {
  ops::RowMatrix gate;             // (ffn_dim, dim)
  ops::RowMatrix up;               // (ffn_dim, dim)
  ops::ColMatrix down;             // (dim, ffn_dim)
  ops::Vector gate_bias, up_bias;  // (ffn_dim)
  ops::Vector down_bias;           // (dim)

  /// Adds the tensors of layer `index`, to which the table has been set.
  void add_tensors(TableBuilder& table, const Config& config, int index);
  /// What the block adds to the residual, the same on every rank: (tokens, dim).
  ops::Activations operator()(ops::Ops& ops, const ops::Normed& x) const;
};

/// How a family's routers choose where a file does not say.
struct RouteDefaults {
  ops::RouteSpec::Probability probability = ops::RouteSpec::Probability::softmax;
  bool normalised = true;
};

/// SwiGLU, of one block or of experts, as the layer has it.
struct FeedForward {
  SwiGlu dense;
  Experts experts;
  bool has_experts = false;

  void add_tensors(TableBuilder& table, const Config& config, int index);
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Normed& x,
                              const RouteDefaults& defaults = {}) const;
};

}  // namespace yoke::model
