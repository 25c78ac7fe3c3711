// Products: with matrices, gated units, and experts.
#include <algorithm>
#include <cassert>
#include <vector>

#include "ops/cpu/backend.h"
#include "ops/cpu/cpu_experts.h"
#include "ops/cpu/cpu_matrix.h"
#include "ops/cpu/handles.h"
#include "ops/cpu/routing.h"

namespace yoke::ops::cpu {
namespace {

kernels::Kernels::GateMul unit_of(Gate kind, const kernels::Kernels& kernels) {
  switch (kind) {
    case Gate::silu:
      return kernels.silu_mul;
    case Gate::sigmoid:
      return kernels.sigmoid_mul;
    case Gate::gelu:
      return kernels.gelu_mul;
    case Gate::clamped_swiglu:
      break;
  }
  return kernels.clamped_swiglu_mul;
}

}  // namespace

void Backend::matmul(std::span<const Linear> products, const Normed& x) {
  const ActivityScope spent = spend_on(Activity::products);
  std::vector<Product> all;
  for (const Linear& each : products) {
    *each.out = make(x.value.tokens, each.w.rows);
    all.push_back({&matrix(each.w.storage), data(*each.out)});
  }
  multiply(all, operand(x), tools());
  for (const Linear& each : products) add_bias(*each.out, each.bias);
}

Activations Backend::partial_matmul(const ColMatrix& w, Activations x) {
  const ActivityScope spent = spend_on(Activity::products);
  const Activations out = make(x.tokens, w.rows);
  const ArenaScope scope(scratch_);
  Operand read = operand(x);
  const Product product{&matrix(w.storage), data(out)};
  multiply({&product, 1}, read, tools());
  return out;
}

Activations Backend::reduce_product(const ColMatrix& w, Activations x) {
  const std::int64_t grain = matrix(w.storage).grain();
  const std::int64_t cut = w.rows / 2 / grain * grain;
  return sends_parts_ && x.tokens == 1 && cut > 0 ? reduce_in_parts(w, x, cut) : reduce(partial_matmul(w, x));
}

Activations Backend::reduce_in_parts(const ColMatrix& w, Activations x, std::int64_t cut) {
  const ActivityScope spent = spend_on(Activity::products);
  const Activations out = make(1, w.rows);
  const ArenaScope scope(scratch_);
  Operand read = operand(x);
  const Product product{&matrix(w.storage), data(out)};
  multiply_rows(product, read, 0, cut, tools());
  const comm::PendingSum first = start_sum(data(out), cut);
  multiply_rows(product, read, cut, w.rows, tools());
  const comm::PendingSum second = start_sum(data(out) + cut, w.rows - cut);
  comm_.finish(first);
  comm_.finish(second);
  return out;
}

Activations Backend::gated(Gate kind, const RowMatrix& gate, const Vector& gate_bias, const RowMatrix& up,
                           const Vector& up_bias, const Normed& x) {
  const ActivityScope spent = spend_on(Activity::products);
  const Activations out = make(x.value.tokens, gate.rows);
  const Activations other = make(x.value.tokens, up.rows);
  const GatedProduct product{.gate = {&matrix(gate.storage), data(out)},
                             .up = {&matrix(up.storage), data(other)},
                             .gate_bias = values_or_none(gate_bias),
                             .up_bias = values_or_none(up_bias),
                             .x = &operand(x)};
  product.gate.matrix->prepare(operand(x), tools());
  product.up.matrix->prepare(operand(x), tools());
  multiply_gated({&product, 1}, unit_of(kind, kernels_), tools());
  return out;
}

Activations Backend::gated(Gate kind, Activations gate, Activations up) {
  assert(gate.tokens == up.tokens && gate.width == up.width);
  const auto unit = unit_of(kind, kernels_);
  for_tokens(gate, [&](std::int64_t t) { unit(row(gate, t), row(up, t), row(gate, t), gate.width); });
  return gate;
}

Routing Backend::route(Activations scores, const RouteSpec& spec, const Vector& selection_bias) {
  return {&routings_.emplace_back(
      cpu::route(data(scores), scores.tokens, scores.width, spec, values_or_none(selection_bias), tools()))};
}

Activations Backend::partial_experts(const ExpertUnits& units, const Normed& x, const Routing& routing) {
  const ActivityScope spent = spend_on(Activity::products);
  const Activations out = make(x.value.tokens, x.value.width);
  std::fill_n(data(out), out.tokens * out.width, 0.0f);
  const ExpertsProduct experts{.gate = expert_matrices(units.gate.storage),
                               .up = expert_matrices(units.up.storage),
                               .down = expert_matrices(units.down.storage),
                               .gate_bias = values_or_none(units.gate_bias),
                               .up_bias = values_or_none(units.up_bias),
                               .unit = unit_of(units.kind, kernels_),
                               .weighs_inputs = units.weighs_inputs};
  prepare(experts, operand(x), tools());  // may serve other matrices, too
  const ArenaScope scope(scratch_);
  add_experts(experts, operand(x), routed_tokens(routing), tools(), out.width, data(out));
  return out;
}

Activations Backend::add_expert_bias(Activations x, const Vector& biases, const Routing& routing) {
  if (!biases) return x;
  const RoutedTokens& routed = routed_tokens(routing);
  for (const auto& [expert, first, n] : routed.groups) {
    for (std::int64_t i = first; i < first + n; ++i) {
      kernels_.add_scaled(row(x, routed.tokens[i]), values(biases).data() + expert * x.width,
                          routed.weights[i], x.width);
    }
  }
  return x;
}

}  // namespace yoke::ops::cpu
