#include "model/layers/experts.h"

#include <utility>

namespace yoke::model {

void Experts::add_tensors(TableBuilder& table, const Config& config, int index) {
  const std::int64_t n = config.layers[index].n_experts;
  const std::int64_t used = config.experts.used, ffn = config.experts.ffn_dim;
  table.matrix(router, "ffn_gate_inp.weight", {n, config.dim});
  table.bias(router_bias, "ffn_gate_inp.bias", n);
  table.bias(selection_bias, "exp_probs_b.bias", n);
  table.rows(gate, "ffn_gate_exps.weight", {n, ffn, config.dim}, used);
  table.rows(up, "ffn_up_exps.weight", {n, ffn, config.dim}, used);
  table.cols(down, "ffn_down_exps.weight", {n, config.dim, ffn}, used);
  table.expert_bias(gate_bias, "ffn_gate_exps.bias", {n, ffn}, used, true);
  table.expert_bias(up_bias, "ffn_up_exps.bias", {n, ffn}, used, true);
  table.expert_bias(down_bias, "ffn_down_exps.bias", {n, config.dim}, used, false);
  const std::int64_t shared = config.experts.shared_dim;
  if (shared == 0) return;
  const std::vector<Segment> units = {{Space::shared_ffn, 1}};
  table.matrix(shared_score, "ffn_gate_inp_shexp.weight", {config.dim});
  table.may_lack();
  table.rows(shared_gate, "ffn_gate_shexp.weight", {shared, config.dim}, units);
  table.rows(shared_up, "ffn_up_shexp.weight", {shared, config.dim}, units);
  table.cols(shared_down, "ffn_down_shexp.weight", {config.dim, shared}, units);
}

ops::Activations Experts::operator()(ops::Ops& ops, const ops::Normed& x, const ops::RouteSpec& route,
                                     ops::Gate kind) const {
  const ops::Routing routing = ops.route(ops.matmul(router, x, router_bias), route, selection_bias);
  ops::Partial sum = ops.experts({.gate = gate,
                                  .gate_bias = gate_bias,
                                  .up = up,
                                  .up_bias = up_bias,
                                  .down = down,
                                  .kind = kind,
                                  .weighs_inputs = weighs_inputs},
                                 x, routing);
  if (shared_gate.storage != nullptr) {
    ops::Activations hidden = ops.gated(kind, shared_gate, {}, shared_up, {}, x);
    if (shared_score.storage != nullptr)
      hidden = ops.scale_by_sigmoid(hidden, ops.matmul(shared_score, x, {}));
    sum = ops.add(std::move(sum), ops.matmul(shared_down, hidden));
  }
  return ops.add_expert_bias(ops.all_reduce(std::move(sum)), down_bias, routing);
}

}  // namespace yoke::model
