// One step of a family on one rank: the loop over the layers is written here, once.
#pragma once

#include <cstdint>

#include "base/view.h"
#include "model/batch.h"
#include "model/family.h"

namespace yoke::model {

/// Computes the batch, together with the other ranks. Returns the wanted rows of logits in batch order,
/// (wanted, vocabulary), the same on every rank; they live until the next step.
MatrixView<const float> forward(Family& family, ops::Ops& ops, const Partition& partition,
                                const Batch& batch);

}  // namespace yoke::model
