// Products of each head with a matrix of its own.
#pragma once

#include <memory>
#include <span>

#include "base/view.h"
#include "ops/cpu/cpu_matrix.h"
#include "ops/cpu/tools.h"

namespace yoke::ops::cpu {

/// Of each head of x, W·(its first W.cols values), and behind them what else the head has. Heads are as many
/// as matrices, which are of one shape and not none; `out` has all heads of a token before those of the next.
void multiply_heads(std::span<const std::unique_ptr<WeightMatrix>> matrices, MatrixView<const float> x,
                    float* out, const Tools& tools);

}  // namespace yoke::ops::cpu
