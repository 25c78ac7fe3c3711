// The recurrent layers' block in the place of attention: the gated delta rule. Yang et al.,
// https://arxiv.org/abs/2412.06464; as Qwen3-Next has it.
#pragma once

#include "model/config.h"
#include "model/partition.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// Queries, keys and values go through a short convolution; the rule stores values under keys in a matrix of
/// each value head and looks queries up there. What it finds is normalised and multiplied by a gate. Value
/// heads that share a key head stay together on one rank.
struct GatedDeltaNet {
  ops::RowMatrix qkv;        // (k_heads * (2 * k_dim + group * v_dim), dim): q of all heads, then k, then v
  ops::RowMatrix gate;       // (v_heads * v_dim, dim)
  ops::RowMatrix scores;     // (2 * v_heads, dim): of each key head what β is of, then what α is of
  ops::Vector conv_weights;  // as many rows as qkv, (…, taps); until prepare() takes it
  ops::Vector score_bias;    // (v_heads)
  ops::Vector rate;          // (v_heads)
  ops::Vector norm;          // (v_dim)
  ops::ColMatrix output;     // (dim, v_heads * v_dim)
  ops::DeltaHeads heads;
  ops::Convolution convolution;
  ops::DeltaState state;

  /// Adds the tensors of layer `index`, to which the table has been set.
  void add_tensors(TableBuilder& table, const Config& config);
  /// Makes what remembers sequences.
  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches);
  /// What the block adds to the residual, the same on every rank: (tokens, dim).
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Normed& x);
};

}  // namespace yoke::model
