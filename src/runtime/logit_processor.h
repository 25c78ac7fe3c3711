// What a rank does to its columns of a row of logits before anything of them is compared or sent.
#pragma once

#include <span>

#include "model/batch.h"
#include "runtime/engine.h"

namespace yoke::runtime {

/// Whether no logit is infinite or NaN; those of an undamaged model are.
bool all_finite(std::span<const float> logits);

/// Adds the row's bias, then penalises its recent tokens (see model::WantedRow). `logits` are finite and are
/// those of tokens first, first + 1, …; what is told of others does not matter here. Afterwards a logit is −∞
/// if its token is forbidden, else finite: what exceeds a float's range becomes its largest number.
void adjust(std::span<float> logits, Token first, const model::WantedRow& row);

}  // namespace yoke::runtime
