#include "model/layers/feed_forward.h"

namespace yoke::model {

void GatedFeedForward::add_tensors(TableBuilder& table, const Config& config, int index) {
  const std::int64_t ffn = config.layers[index].ffn_dim;
  const std::vector<Segment> units = {{Space::ffn, 1}};
  table.rows(gate, "ffn_gate.weight", {ffn, config.dim}, units);
  table.rows(up, "ffn_up.weight", {ffn, config.dim}, units);
  table.cols(down, "ffn_down.weight", {config.dim, ffn}, units);
  table.bias(gate_bias, "ffn_gate.bias", ffn, units);
  table.bias(up_bias, "ffn_up.bias", ffn, units);
  table.bias(down_bias, "ffn_down.bias", config.dim);
}

ops::Activations GatedFeedForward::operator()(ops::Ops& ops, const ops::Normed& x, ops::Gate kind) const {
  const ops::Activations hidden = ops.gated(kind, gate, gate_bias, up, up_bias, x);
  return ops.add_bias(ops.all_reduce(down, hidden), down_bias);
}

ops::Partial GatedFeedForward::addend(ops::Ops& ops, const ops::Normed& x, ops::Gate kind) const {
  return ops.matmul(down, ops.gated(kind, gate, gate_bias, up, up_bias, x));
}

void FusedGatedFeedForward::add_tensors(TableBuilder& table, const Config& config, int index) {
  const std::int64_t ffn = config.layers[index].ffn_dim;
  table.rows(gate_up, "ffn_up.weight", {2 * ffn, config.dim}, {{Space::ffn, 1}, {Space::ffn, 1}});
  table.cols(down, "ffn_down.weight", {config.dim, ffn}, {{Space::ffn, 1}});
}

ops::Activations FusedGatedFeedForward::operator()(ops::Ops& ops, const ops::Normed& x,
                                                   ops::Gate kind) const {
  const ops::Activations both = ops.matmul(gate_up, x, {});
  const std::int64_t units = both.width / 2;
  const ops::Activations hidden =
      ops.gated(kind, ops.columns(both, 0, units), ops.columns(both, units, units));
  return ops.all_reduce(down, hidden);
}

void PlainFeedForward::add_tensors(TableBuilder& table, const Config& config, int index) {
  const std::int64_t ffn = config.layers[index].ffn_dim;
  const std::vector<Segment> units = {{Space::ffn, 1}};
  table.rows(up, "ffn_up.weight", {ffn, config.dim}, units);
  table.cols(down, "ffn_down.weight", {config.dim, ffn}, units);
  table.bias(up_bias, "ffn_up.bias", ffn, units);
  table.bias(down_bias, "ffn_down.bias", config.dim);
}

ops::Activations PlainFeedForward::operator()(ops::Ops& ops, const ops::Normed& x) const {
  const ops::Activations hidden = ops.gelu(ops.matmul(up, x, up_bias));
  return ops.add_bias(ops.all_reduce(down, hidden), down_bias);
}

void FeedForward::add_tensors(TableBuilder& table, const Config& config, int index) {
  has_experts = config.layers[index].n_experts > 0;
  if (has_experts) {
    experts.add_tensors(table, config, index);
  } else {
    dense.add_tensors(table, config, index);
  }
}

ops::Activations FeedForward::operator()(ops::Ops& ops, const Config& config, const ops::Normed& x,
                                         const RouteDefaults& defaults) const {
  if (!has_experts) return dense(ops, x);
  return experts(ops, x, config.experts.route(defaults.probability, defaults.normalised), ops::Gate::silu);
}

}  // namespace yoke::model
