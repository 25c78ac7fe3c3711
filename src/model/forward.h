// One step of a family on one rank: the loop over the layers is written here, once.
#pragma once

#include <cstdint>

#include "base/view.h"
#include "model/batch.h"
#include "model/family.h"

namespace yoke::model {

/// Computes the layers of a step, together with the other ranks. Returns the last layer's output of the
/// wanted tokens, (wanted, dim), which lives until the next step.
ops::Activations run_layers(Family& family, ops::Ops& ops, const ops::Step& step);

/// This rank's columns of the logits of rows [first, first + n) of what run_layers returned: (n, its
/// vocabulary rows), the caller's to change. They live until the next call; so however many rows a step
/// wants, no more memory is taken than for those asked for at once.
MatrixView<float> local_logits(Family& family, ops::Ops& ops, ops::Activations wanted, std::int64_t first,
                               std::int64_t n);

}  // namespace yoke::model
