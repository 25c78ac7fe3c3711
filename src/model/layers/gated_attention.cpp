#include "model/layers/gated_attention.h"

namespace yoke::model {

void GatedAttention::add_tensors(TableBuilder& table, const Config& config, int index) {
  const LayerConfig& layer = config.layers[index];
  const std::int64_t of_head = config.k_dim + config.v_dim;
  table.rows(q, "attn_q.weight", {layer.n_heads * of_head, config.dim},
             {{Space::heads, config.k_dim, of_head, 0}});
  table.rows(gate, "attn_q.weight", {layer.n_heads * of_head, config.dim},
             {{Space::heads, config.v_dim, of_head, config.k_dim}});
  table.rows(k, "attn_k.weight", {layer.n_kv_heads * config.k_dim, config.dim},
             {{Space::kv_heads, config.k_dim}});
  table.rows(v, "attn_v.weight", {layer.n_kv_heads * config.v_dim, config.dim},
             {{Space::kv_heads, config.v_dim}});
  norms.add_tensors(table, config);
  attention.add_tensors(table, config, index);
}

ops::Activations GatedAttention::operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                                            const ops::Normed& x) {
  Qkv made;
  ops::Activations gates;
  const ops::Vector no_bias;
  const ops::Linear products[] = {
      {q, no_bias, &made.q}, {gate, no_bias, &gates}, {k, no_bias, &made.k}, {v, no_bias, &made.v}};
  ops.matmul(products, x);
  const Qkv turned = rotated(ops, rope, norms(ops, made, config.norm_epsilon), config.k_dim);
  const ops::Activations attended =
      ops.attend(attention.heads, attention.kv, turned.q, turned.k, turned.v, attention.spec);
  const ops::Activations passed = ops.gated(ops::Gate::sigmoid, gates, attended);
  return ops.add_bias(ops.all_reduce(attention.output, passed), attention.output_bias);
}

}  // namespace yoke::model
