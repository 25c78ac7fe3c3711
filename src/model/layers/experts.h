// Mixtures of experts: feed-forward blocks of which each token goes through a few.
#pragma once

#include "model/config.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// A router, its experts, and those that every token goes to where the model has such. Shazeer et al.,
/// https://arxiv.org/abs/1701.06538; shared ones after Dai et al., https://arxiv.org/abs/2401.06066. Every
/// rank has the router and a share of each expert.
struct Experts {
  ops::RowMatrix router;        // (experts, dim)
  ops::Vector router_bias;      // (experts)
  ops::Vector selection_bias;   // (experts), added to what is compared only
  ops::RowExperts gate;         // (experts, expert_ffn, dim)
  ops::RowExperts up;           // (experts, expert_ffn, dim)
  ops::ColExperts down;         // (experts, dim, expert_ffn)
  ops::Vector gate_bias;        // (experts, expert_ffn)
  ops::Vector up_bias;          // (experts, expert_ffn)
  ops::Vector down_bias;        // (experts, dim)
  ops::RowMatrix shared_score;  // (dim): weighs the shared experts by its sigmoid, where the file has it
  ops::RowMatrix shared_gate;   // (shared_ffn, dim)
  ops::RowMatrix shared_up;     // (shared_ffn, dim)
  ops::ColMatrix shared_down;   // (dim, shared_ffn)
  bool weighs_inputs = false;   // whether a weight multiplies what its expert reads, not what it makes

  /// Adds the tensors of layer `index`, to which the table has been set.
  void add_tensors(TableBuilder& table, const Config& config, int index);
  /// What the block adds to the residual, the same on every rank: (tokens, dim).
  ops::Activations operator()(ops::Ops& ops, const ops::Normed& x, const ops::RouteSpec& route,
                              ops::Gate kind) const;
};

}  // namespace yoke::model
