// Llama's layer with normalised heads, as Qwen 3 and its kin have it.
#pragma once

#include "model/layers/pre_norm_layer.h"

namespace yoke::model {

/// PreNormLayer with a norm of every head of queries and keys before they are rotated.
struct HeadNormLayer : PreNormLayer {
  HeadNorms head_norms;

  void add_tensors(TableBuilder& table, const Config& config, int index);
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope, ops::Activations x);
};

}  // namespace yoke::model
