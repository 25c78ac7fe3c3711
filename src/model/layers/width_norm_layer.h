// Llama's layer with queries and keys normalised, all heads together, as OLMoE has it.
#pragma once

#include "model/layers/pre_norm_layer.h"

namespace yoke::model {

/// PreNormLayer with a norm of all queries, and of all keys, before they are rotated.
struct WidthNormLayer : PreNormLayer {
  WidthNorms width_norms;

  void add_tensors(TableBuilder& table, const Config& config, int index);
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope, ops::Activations x);
};

}  // namespace yoke::model
