#include "model/layers/attention.h"

#include <cmath>

#include "model/family.h"

namespace yoke::model {

void QkvProjection::add_tensors(TableBuilder& table, const Config& config, int index) {
  const LayerConfig& layer = config.layers[index];
  const std::vector<Segment> queries = {{Space::heads, config.k_dim}};
  const std::vector<Segment> keys = {{Space::kv_heads, config.k_dim}};
  const std::vector<Segment> values = {{Space::kv_heads, config.v_dim}};
  table.rows(q, "attn_q.weight", {layer.n_heads * config.k_dim, config.dim}, queries);
  table.rows(k, "attn_k.weight", {layer.n_kv_heads * config.k_dim, config.dim}, keys);
  table.rows(v, "attn_v.weight", {layer.n_kv_heads * config.v_dim, config.dim}, values);
  table.bias(q_bias, "attn_q.bias", layer.n_heads * config.k_dim, queries);
  table.bias(k_bias, "attn_k.bias", layer.n_kv_heads * config.k_dim, keys);
  table.bias(v_bias, "attn_v.bias", layer.n_kv_heads * config.v_dim, values);
}

Qkv QkvProjection::operator()(ops::Ops& ops, const ops::Normed& x) const {
  Qkv out;
  const ops::Linear products[] = {{q, q_bias, &out.q}, {k, k_bias, &out.k}, {v, v_bias, &out.v}};
  ops.matmul(products, x);
  return out;
}

void HeadNorms::add_tensors(TableBuilder& table, const Config& config) {
  table.whole(q, "attn_q_norm.weight", config.k_dim);
  table.whole(k, "attn_k_norm.weight", config.k_dim);
}

Qkv HeadNorms::operator()(ops::Ops& ops, Qkv x, float epsilon) const {
  return {ops.rms_norm_heads(x.q, q, epsilon), ops.rms_norm_heads(x.k, k, epsilon), x.v};
}

Qkv rotated(ops::Ops& ops, const ops::Rope& rope, Qkv x, std::int64_t k_dim) {
  return {ops.rope(rope, x.q, k_dim), ops.rope(rope, x.k, k_dim), x.v};
}

void Attention::add_tensors(TableBuilder& table, const Config& config, int index) {
  const std::int64_t width = config.layers[index].n_heads * config.v_dim;
  table.cols(output, "attn_output.weight", {config.dim, width}, {{Space::heads, config.v_dim}});
  table.bias(output_bias, "attn_output.bias", config.dim);
}

void Attention::prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
                        std::int64_t pages) {
  heads = local_heads(config, partition, index, rank);
  kv = ops.make_kv_cache(heads, pages);
}

ops::Activations Attention::operator()(ops::Ops& ops, const Qkv& x) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(heads.k_dim));
  const ops::Activations attended =
      ops.attend(heads, kv, x.q, x.k, x.v, {.scale = scale, .window = 0, .sinks = {}});
  return ops.add_bias(ops.all_reduce(ops.matmul(output, attended)), output_bias);
}

}  // namespace yoke::model
