#include "ops/cpu/cpu_experts.h"

#include <algorithm>
#include <deque>

namespace yoke::ops::cpu {
namespace {

void make(Operand& x, const Tools& tools) {
  Operand* const operand = &x;
  MakeOperands({&operand, 1}, tools).run();
}

/// Some tokens of x in the order of a list, copied: a kernel takes tokens that lie together.
Operand gathered(Operand& x, bool with_floats, const std::vector<std::int32_t>& tokens, const Tools& tools) {
  const auto n = static_cast<std::int64_t>(tokens.size());
  constexpr std::int64_t floats_per_block = sizeof(kernels::ActivationBlock) / sizeof(float);
  make(x, tools);
  Operand out = x;
  out.tokens = n;
  out.stride = x.width;
  float* const floats = with_floats ? tools.scratch.floats(n * x.width).data() : nullptr;
  auto* const blocks = x.blocks == nullptr
                           ? nullptr
                           : reinterpret_cast<kernels::ActivationBlock*>(
                                 tools.scratch.floats(n * x.block_stride * floats_per_block).data());
  tools.pool.split(n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t t = tokens[i];
      if (floats != nullptr) std::copy_n(x.floats + t * x.stride, x.width, floats + i * x.width);
      if (blocks != nullptr)
        std::copy_n(x.blocks + t * x.block_stride, x.block_stride, blocks + i * x.block_stride);
    }
  });
  out.floats = floats;
  out.blocks = blocks;
  return out;
}

/// The floats of the routed tokens, each times its weight.
Operand weighed(Operand& x, const RoutedTokens& routed, const Tools& tools) {
  make(x, tools);
  const std::int64_t n = std::ssize(routed.tokens);
  float* const floats = tools.scratch.floats(n * x.width).data();
  tools.pool.split(n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* const from = x.floats + routed.tokens[i] * x.stride;
      for (std::int64_t c = 0; c < x.width; ++c) floats[i * x.width + c] = from[c] * routed.weights[i];
    }
  });
  return {.floats = floats, .tokens = n, .width = x.width};
}

const float* bias_from(const float* bias, std::int64_t row) { return bias == nullptr ? nullptr : bias + row; }

/// Of each expert, the rows of all before it.
std::vector<std::int64_t> first_rows(const ExpertMatrices& matrices) {
  std::vector<std::int64_t> first = {0};
  for (const auto& matrix : matrices.of) first.push_back(first.back() + matrix->rows);
  return first;
}

}  // namespace

void prepare(const ExpertsProduct& experts, Operand& x, const Tools& tools) {
  experts.gate.of.front()->prepare(x, tools);
  experts.up.of.front()->prepare(x, tools);
}

namespace {

/// What experts read, in the order of the routing.
Operand sorted_inputs(const ExpertsProduct& experts, Operand& x, const RoutedTokens& routed,
                      const Tools& tools) {
  const bool with_floats = experts.gate.of.front()->reads_floats() || experts.up.of.front()->reads_floats();
  if (!experts.weighs_inputs) return gathered(x, with_floats, routed.tokens, tools);
  Operand inputs = weighed(x, routed, tools);
  prepare(experts, inputs, tools);
  make(inputs, tools);
  return inputs;
}

}  // namespace

void add_experts(const ExpertsProduct& experts, Operand& x, const RoutedTokens& routed, const Tools& tools,
                 std::int64_t dim, float* out) {
  // A single token is where all its experts look for it, unless they read different multiples of it.
  const bool alone = x.tokens == 1 && !experts.weighs_inputs;
  const Operand sorted = alone ? Operand{} : sorted_inputs(experts, x, routed, tools);
  const std::vector<float> ones(experts.weighs_inputs ? routed.weights.size() : 0, 1.0f);
  const std::vector<float>& weights = experts.weighs_inputs ? ones : routed.weights;

  const bool biased = experts.gate_bias != nullptr || experts.up_bias != nullptr;
  const std::vector<std::int64_t> bias_rows =
      biased ? first_rows(experts.gate) : std::vector<std::int64_t>(experts.gate.of.size() + 1);
  std::deque<Operand> inputs, hidden;
  std::vector<GatedProduct> units;
  std::vector<WeightedProduct> sums;
  for (const auto& [expert, first, n] : routed.groups) {
    const WeightMatrix& gate = *experts.gate.of[expert];
    if (gate.rows == 0) continue;  // others have all of it
    if (!alone) inputs.push_back(sorted.tokens_from(first, n));
    float* const values = tools.scratch.floats(n * gate.rows).data();
    float* const others = tools.scratch.floats(n * gate.rows).data();
    units.push_back({.gate = {&gate, values},
                     .up = {experts.up.of[expert].get(), others},
                     .gate_bias = bias_from(experts.gate_bias, bias_rows[expert]),
                     .up_bias = bias_from(experts.up_bias, bias_rows[expert]),
                     .x = alone ? &x : &inputs.back()});
    hidden.push_back({.floats = values, .tokens = n, .width = gate.rows});
    sums.push_back({experts.down.of[expert].get(), &hidden.back(), routed.tokens.data() + first,
                    weights.data() + first});
  }
  multiply_gated(units, experts.unit, tools);
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i].matrix->prepare(hidden[i], tools);
  add_weighted(sums, dim, out, tools);
}

}  // namespace yoke::ops::cpu
