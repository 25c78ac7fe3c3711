// A step in two halves that are computed in turns: one computes while the sums of the other are on their way
// between ranks. Without a change in any model, and with the same bits, for a step's results do not depend on
// how a sequence is cut into steps.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "model/batch.h"
#include "model/family.h"

namespace yoke::model {

/// Tokens of a step before `at` and from there on, as two steps. The batch outlives it.
class Halves {
 public:
  /// 0 < at < the batch's tokens.
  Halves(const Batch& batch, std::int64_t at);

  const ops::Step& step(int half) const { return steps_[static_cast<std::size_t>(half)]; }

 private:
  std::array<ops::Step, 2> steps_;
  std::vector<std::int32_t> wanted_of_second_;
  std::vector<std::int32_t> resumed_by_second_;
  std::array<std::vector<ops::Checkpoint>, 2> checkpoints_;
};

/// As run_layers(), on two backends that use one Comm; the result is the first's. A layer of the second half
/// is begun when the first half is past it, so what a sequence has in both follows on.
ops::Activations run_layers_in_halves(Family& family, ops::Ops& first, ops::Ops& second, const Batch& batch);

}  // namespace yoke::model
