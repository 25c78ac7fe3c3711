// The norms of a layer's input.
#pragma once

#include <string>

#include "model/config.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// RMS norm. Zhang and Sennrich, https://arxiv.org/abs/1910.07467.
struct RmsNorm {
  ops::Vector weight;  // (dim)

  /// Adds NAME.weight to the layer, or outside of layers, where the table has been set to.
  void add_tensors(TableBuilder& table, const Config& config, const std::string& name) {
    table.whole(weight, name + ".weight", config.dim);
  }
  ops::Normed operator()(ops::Ops& ops, const Config& config, ops::Activations x) const {
    return ops.rms_norm(x, weight, config.norm_epsilon);
  }
  /// The same for whoever does more with it than multiply; consumes x.
  ops::Activations values(ops::Ops& ops, const Config& config, ops::Activations x) const {
    return ops.rms_norm_heads(x, weight, config.norm_epsilon);
  }
};

/// Layer norm, with a bias where the file has it. Ba et al., https://arxiv.org/abs/1607.06450.
struct LayerNorm {
  ops::Vector weight;  // (dim)
  ops::Vector bias;    // (dim)

  void add_tensors(TableBuilder& table, const Config& config, const std::string& name) {
    table.whole(weight, name + ".weight", config.dim);
    table.bias(bias, name + ".bias", config.dim);
  }
  ops::Normed operator()(ops::Ops& ops, const Config& config, ops::Activations x) const {
    return ops.layer_norm(x, weight, bias, config.norm_epsilon);
  }
  ops::Activations values(ops::Ops& ops, const Config& config, ops::Activations x) const {
    return ops.add_bias(ops.layer_norm_heads(x, weight, config.dim, config.norm_epsilon), bias);
  }
};

}  // namespace yoke::model
