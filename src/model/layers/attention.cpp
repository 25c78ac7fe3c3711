#include "model/layers/attention.h"

#include <algorithm>
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

void FusedQkvProjection::add_tensors(TableBuilder& table, const Config& config, int index) {
  const LayerConfig& layer = config.layers[index];
  const std::vector<Segment> parts = {
      {Space::heads, config.k_dim}, {Space::kv_heads, config.k_dim}, {Space::kv_heads, config.v_dim}};
  const std::int64_t rows = layer.n_heads * config.k_dim + layer.n_kv_heads * (config.k_dim + config.v_dim);
  table.rows(qkv, "attn_qkv.weight", {rows, config.dim}, parts);
  table.bias(bias, "attn_qkv.bias", rows, parts);
}

Qkv FusedQkvProjection::operator()(ops::Ops& ops, const ops::Normed& x, const ops::Heads& heads) const {
  const ops::Activations all = ops.matmul(qkv, x, bias);
  const std::int64_t q = heads.n_heads * heads.k_dim, k = heads.n_kv_heads * heads.k_dim;
  return {ops.columns(all, 0, q), ops.columns(all, q, k),
          ops.columns(all, q + k, heads.n_kv_heads * heads.v_dim)};
}

void HeadNorms::add_tensors(TableBuilder& table, const Config& config, bool optional) {
  table.whole(q, "attn_q_norm.weight", config.k_dim);
  if (optional) table.may_lack();
  table.whole(k, "attn_k_norm.weight", config.k_dim);
  if (optional) table.may_lack();
}

Qkv HeadNorms::operator()(ops::Ops& ops, Qkv x, float epsilon) const {
  return {q ? ops.rms_norm_heads(x.q, q, epsilon) : x.q, k ? ops.rms_norm_heads(x.k, k, epsilon) : x.k, x.v};
}

void HeadLayerNorms::add_tensors(TableBuilder& table, const Config& config, int index) {
  const LayerConfig& layer = config.layers[index];
  table.of_heads(q, "attn_q_norm.weight", {layer.n_heads, config.k_dim}, Space::heads);
  table.may_lack();
  table.of_heads(k, "attn_k_norm.weight", {layer.n_kv_heads, config.k_dim}, Space::kv_heads);
  table.may_lack();
}

Qkv HeadLayerNorms::operator()(ops::Ops& ops, Qkv x, const Config& config) const {
  const auto normed = [&](ops::Activations heads, const ops::Vector& weight) {
    return weight ? ops.layer_norm_heads(heads, weight, config.k_dim, config.norm_epsilon) : heads;
  };
  return {normed(x.q, q), normed(x.k, k), x.v};
}

void WidthNorms::add_tensors(TableBuilder& table, const Config& config, int index) {
  const LayerConfig& layer = config.layers[index];
  q_width = layer.n_heads * config.k_dim;
  k_width = layer.n_kv_heads * config.k_dim;
  table.bias(q, "attn_q_norm.weight", q_width, {{Space::heads, config.k_dim}});
  table.bias(k, "attn_k_norm.weight", k_width, {{Space::kv_heads, config.k_dim}});
  for (const char* weight : {"attn_q_norm.weight", "attn_k_norm.weight"}) table.must_have(weight);
}

Qkv WidthNorms::operator()(ops::Ops& ops, Qkv x, const ops::Heads& heads, float epsilon) const {
  // A KV head counts where the first of its query heads is.
  const auto kv_heads_before = [&](std::int64_t head) {
    return std::min((head + heads.group - 1) / heads.group - heads.first_kv_head, heads.n_kv_heads);
  };
  const std::int64_t first = kv_heads_before(heads.first_head);
  const std::int64_t end = kv_heads_before(heads.first_head + heads.n_heads);
  const ops::SplitNorm norms[] = {
      {x.q, q, 0, x.q.width, q_width},
      {x.k, k, first * heads.k_dim, (end - first) * heads.k_dim, k_width},
  };
  ops.rms_norm_split(norms, epsilon);
  return x;
}

Qkv rotated(ops::Ops& ops, const ops::Rope& rope, Qkv x, std::int64_t k_dim) {
  return {ops.rope(rope, x.q, k_dim), ops.rope(rope, x.k, k_dim), x.v};
}

void Attention::add_tensors(TableBuilder& table, const Config& config, int index) {
  const std::int64_t width = config.layers[index].n_heads * config.v_dim;
  table.cols(output, "attn_output.weight", {config.dim, width}, {{Space::heads, config.v_dim}});
  table.bias(output_bias, "attn_output.bias", config.dim);
}

void Attention::add_sinks(TableBuilder& table, const Config& config, int index) {
  table.bias(spec.sinks, "attn_sinks.weight", config.layers[index].n_heads, {{Space::heads, 1}});
  table.must_have("attn_sinks.weight");
}

void Attention::prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
                        const ops::CacheSize& caches) {
  heads = local_heads(config, partition, index, rank);
  spec.scale = config.attention_scale != 0 ? config.attention_scale
                                           : 1.0f / std::sqrt(static_cast<float>(config.k_dim));
  spec.score_cap = config.score_cap;
  spec.window = config.layers[index].window;
  kv = ops.make_kv_cache(heads, caches, spec.window);
}

ops::Activations Attention::operator()(ops::Ops& ops, const Qkv& x) {
  const ops::Activations attended = ops.attend(heads, kv, x.q, x.k, x.v, spec);
  return ops.add_bias(ops.all_reduce(output, attended), output_bias);
}

ops::Partial Attention::addend(ops::Ops& ops, const Qkv& x) {
  return ops.matmul(output, ops.attend(heads, kv, x.q, x.k, x.v, spec));
}

}  // namespace yoke::model
