// The rotation of queries and keys that all layers share.
#pragma once

#include <vector>

#include "model/config.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// Su et al., https://arxiv.org/abs/2104.09864.
struct Rotation {
  ops::RopeStyle style = ops::RopeStyle::interleaved;
  bool may_have_factors = false;  // whether files may divide the frequencies (`rope_freqs`)
  std::vector<float> factors;     // (rope.dims / 2), or empty
  ops::Rope rope;

  void add_tensors(TableBuilder& table, const Config& config);
  void prepare(ops::Ops& ops, const Config& config);
};

}  // namespace yoke::model
