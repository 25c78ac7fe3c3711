#include "model/layers/gemma_layer.h"

#include <cmath>

namespace yoke::model {

void GemmaLayer::add_tensors(TableBuilder& table, const Config& config, int index) {
  attn_norm.add_tensors(table, config, "attn_norm");
  qkv.add_tensors(table, config, index);
  attention.add_tensors(table, config, index);
  table.whole(post_attention_norm, "post_attention_norm.weight", config.dim);
  ffn_norm.add_tensors(table, config, "ffn_norm");
  feed_forward.add_tensors(table, config, index);
  table.whole(post_ffn_norm, "post_ffw_norm.weight", config.dim);
}

void GemmaLayer::prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
                         const ops::CacheSize& caches) {
  attention.prepare(ops, config, partition, index, rank, caches);
}

ops::Activations GemmaLayer::operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                                        ops::Activations x) {
  const Qkv projected = qkv(ops, attn_norm(ops, config, x));
  const Qkv normed = head_norms(ops, projected, config.norm_epsilon);
  const ops::Activations attended = attention(ops, rotated(ops, rope, normed, config.k_dim));
  x = ops.add(x, ops.rms_norm_heads(attended, post_attention_norm, config.norm_epsilon));
  const ops::Activations fed = feed_forward(ops, ffn_norm(ops, config, x), ops::Gate::gelu);
  return ops.add(x, ops.rms_norm_heads(fed, post_ffn_norm, config.norm_epsilon));
}

void set_gemma_scales(Config& config, std::int64_t layers_of_27b) {
  config.embedding_scale = std::sqrt(static_cast<float>(config.dim));
  if (config.n_layers() != layers_of_27b) return;
  config.attention_scale =
      1.0f / std::sqrt(static_cast<float>(config.dim) / static_cast<float>(config.layers[0].n_heads));
}

}  // namespace yoke::model
