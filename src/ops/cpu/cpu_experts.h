// What experts make of the tokens that are routed to them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ops/cpu/cpu_matrix.h"
#include "ops/cpu/routing.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// The storage of RowExperts, of ColExperts and of HeadMatrices: this rank's part of each.
struct ExpertMatrices final : Storage {
  std::vector<std::unique_ptr<WeightMatrix>> of;
};

/// out += this rank's addend of what the experts make of x, which prepare() has seen: (tokens, dim).
/// `gate_bias` and `up_bias` have a value for each row of all experts, one expert after the other, or are
/// null.
struct ExpertsProduct {
  const ExpertMatrices& gate;
  const ExpertMatrices& up;
  const ExpertMatrices& down;
  const float* gate_bias;
  const float* up_bias;
  kernels::Kernels::GateMul unit;
  bool weighs_inputs;  // whether weights multiply x
};
void prepare(const ExpertsProduct& experts, Operand& x, const Tools& tools);
void add_experts(const ExpertsProduct& experts, Operand& x, const RoutedTokens& routed, const Tools& tools,
                 std::int64_t dim, float* out);

}  // namespace yoke::ops::cpu
