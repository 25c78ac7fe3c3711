#include "model/layers/gated_delta_net.h"

#include <utility>

#include "model/family.h"

namespace yoke::model {

void GatedDeltaNet::add_tensors(TableBuilder& table, const Config& config) {
  const DeltaConfig& delta = config.delta;
  const std::int64_t key = delta.k_dim, value = delta.group * delta.v_dim;  // rows of a key head
  const std::int64_t v_heads = delta.k_heads * delta.group;
  const std::vector<Segment> channels = {{Space::delta, key}, {Space::delta, key}, {Space::delta, value}};
  const std::int64_t n_channels = delta.k_heads * (2 * key + value);
  if (delta.joined) {
    const std::int64_t all = 2 * key + 2 * value;
    table.rows(
        qkv, "ssm_in.weight", {delta.k_heads * all, config.dim},
        {{Space::delta, key, all, 0}, {Space::delta, key, all, key}, {Space::delta, value, all, 2 * key}});
    table.rows(gate, "ssm_in.weight", {delta.k_heads * all, config.dim},
               {{Space::delta, value, all, 2 * key + value}});
  } else {
    table.rows(qkv, "attn_qkv.weight", {n_channels, config.dim}, channels);
    table.rows(gate, "attn_gate.weight", {delta.k_heads * value, config.dim}, {{Space::delta, value}});
  }
  table.rows(scores, "ssm_ba.weight", {2 * v_heads, config.dim}, {{Space::delta, 2 * delta.group}});
  table.rows(conv_weights, "ssm_conv1d.weight", {n_channels, delta.taps}, channels);
  table.rows(score_bias, "ssm_dt.bias", {v_heads}, {{Space::delta, delta.group}});
  table.rows(rate, "ssm_a", {v_heads}, {{Space::delta, delta.group}});
  table.whole(norm, "ssm_norm.weight", delta.v_dim);
  table.cols(output, "ssm_out.weight", {config.dim, delta.k_heads * value}, {{Space::delta, value}});
}

void GatedDeltaNet::prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index,
                            int rank, const ops::CacheSize& caches) {
  heads = local_delta_heads(config, partition, index, rank);
  convolution = ops.make_convolution(std::move(conv_weights), config.delta.taps, caches.states());
  state = ops.make_delta_state(heads, caches.states());
}

ops::Activations GatedDeltaNet::operator()(ops::Ops& ops, const Config& config, const ops::Normed& x) {
  ops::Activations channels, z, ba;
  const ops::Vector no_bias;
  const ops::Linear products[] = {{qkv, no_bias, &channels}, {gate, no_bias, &z}, {scores, no_bias, &ba}};
  ops.matmul(products, x);
  const ops::Activations found = ops.delta_rule(heads, state,
                                                {.qkv = ops.convolve(convolution, channels),
                                                 .scores = ba,
                                                 .score_bias = score_bias,
                                                 .rate = rate,
                                                 .epsilon = config.norm_epsilon});
  const ops::Activations normed = ops.rms_norm_heads(found, norm, config.norm_epsilon);
  return ops.all_reduce(output, ops.gated(ops::Gate::silu, z, normed));
}

}  // namespace yoke::model
