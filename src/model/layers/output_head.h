// From the last layer to logits.
#pragma once

#include "model/config.h"
#include "model/layers/norm.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// The output matrix: the embedding where the file ties the two.
struct OutputMatrix {
  ops::RowMatrix matrix;  // (vocabulary, dim)
  ops::Vector bias;       // (vocabulary)

  void add_tensors(TableBuilder& table, const Config& config);
  /// This rank's rows of the vocabulary, scaled and bounded as the family does.
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Normed& x) const;
};

/// The final norm and the output matrix.
template <class Norm>
struct OutputHead {
  Norm norm;
  OutputMatrix output;

  void add_tensors(TableBuilder& table, const Config& config) {
    norm.add_tensors(table, config, "output_norm");
    output.add_tensors(table, config);
  }
  ops::Activations operator()(ops::Ops& ops, const Config& config, ops::Activations x) const {
    return output(ops, config, norm(ops, config, x));
  }
};

}  // namespace yoke::model
