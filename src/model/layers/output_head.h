// From the last layer to logits.
#pragma once

#include "model/config.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// The final RMS norm (Zhang and Sennrich, https://arxiv.org/abs/1910.07467) and the output matrix.
struct OutputHead {
  ops::Vector norm;       // (dim)
  ops::RowMatrix matrix;  // (vocabulary, dim); the embedding where the file ties the two

  void add_tensors(TableBuilder& table, const Config& config);
  /// This rank's rows of the vocabulary.
  ops::Activations operator()(ops::Ops& ops, ops::Activations x, float epsilon) const;
};

}  // namespace yoke::model
