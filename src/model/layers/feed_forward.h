// The feed-forward block of a layer.
#pragma once

#include "model/config.h"
#include "model/layers/experts.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// down · (act(gate · x) ⊙ (up · x)), with biases where the file has them. Shazeer,
/// https://arxiv.org/abs/2002.05202.
struct GatedFeedForward {
  ops::RowMatrix gate;             // (ffn_dim, dim)
  ops::RowMatrix up;               // (ffn_dim, dim)
  ops::ColMatrix down;             // (dim, ffn_dim)
  ops::Vector gate_bias, up_bias;  // (ffn_dim)
  ops::Vector down_bias;           // (dim)

  /// Adds the tensors of layer `index`, to which the table has been set.
  void add_tensors(TableBuilder& table, const Config& config, int index);
  /// What the block adds to the residual, the same on every rank: (tokens, dim).
  ops::Activations operator()(ops::Ops& ops, const ops::Normed& x, ops::Gate kind = ops::Gate::silu) const;
  /// This rank's addend of it, without the bias.
  ops::Partial addend(ops::Ops& ops, const ops::Normed& x, ops::Gate kind = ops::Gate::silu) const;
};

/// The same with gate and up in one matrix, in this order.
struct FusedGatedFeedForward {
  ops::RowMatrix gate_up;  // (2 * ffn_dim, dim)
  ops::ColMatrix down;     // (dim, ffn_dim)

  void add_tensors(TableBuilder& table, const Config& config, int index);
  ops::Activations operator()(ops::Ops& ops, const ops::Normed& x, ops::Gate kind = ops::Gate::silu) const;
};

/// down · gelu(up · x), with biases where the file has them. Vaswani et al.,
/// https://arxiv.org/abs/1706.03762, section 3.3.
struct PlainFeedForward {
  ops::RowMatrix up;      // (ffn_dim, dim)
  ops::ColMatrix down;    // (dim, ffn_dim)
  ops::Vector up_bias;    // (ffn_dim)
  ops::Vector down_bias;  // (dim)

  void add_tensors(TableBuilder& table, const Config& config, int index);
  ops::Activations operator()(ops::Ops& ops, const ops::Normed& x) const;
};

/// How a family's routers choose where a file does not say.
struct RouteDefaults {
  ops::RouteSpec::Probability probability = ops::RouteSpec::Probability::softmax;
  bool normalised = true;
};

/// With SiLU gates, of one block or of experts, as the layer has it.
struct FeedForward {
  GatedFeedForward dense;
  Experts experts;
  bool has_experts = false;

  void add_tensors(TableBuilder& table, const Config& config, int index);
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Normed& x,
                              const RouteDefaults& defaults = {}) const;
};

}  // namespace yoke::model
