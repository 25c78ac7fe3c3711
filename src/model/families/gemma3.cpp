#include "model/families/gemma3.h"

#include <cmath>
#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// A norm on either side of each block and of every head, and GELU gates.
struct Layer {
  RmsNorm attn_norm;
  QkvProjection qkv;
  HeadNorms head_norms;
  Attention attention;
  ops::Vector post_attention_norm;  // (dim)
  RmsNorm ffn_norm;
  GatedFeedForward feed_forward;
  ops::Vector post_ffn_norm;  // (dim)

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    head_norms.add_tensors(table, config);
    attention.add_tensors(table, config, index);
    table.whole(post_attention_norm, "post_attention_norm.weight", config.dim);
    ffn_norm.add_tensors(table, config, "ffn_norm");
    feed_forward.add_tensors(table, config, index);
    table.whole(post_ffn_norm, "post_ffw_norm.weight", config.dim);
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    const Qkv normed = head_norms(ops, projected, config.norm_epsilon);
    const ops::Activations attended = attention(ops, rotated(ops, rope, normed, config.k_dim));
    x = ops.add(x, ops.rms_norm_heads(attended, post_attention_norm, config.norm_epsilon));
    const ops::Activations fed = feed_forward(ops, ffn_norm(ops, config, x), ops::Gate::gelu);
    return ops.add(x, ops.rms_norm_heads(fed, post_ffn_norm, config.norm_epsilon));
  }
};

}  // namespace

std::unique_ptr<Family> make_gemma3(Config config) {
  constexpr std::int64_t layers_of_a_period = 6;  // the last of which sees all
  constexpr std::int64_t layers_of_27b = 62;
  config.set_windows([](std::int64_t layer) { return (layer + 1) % layers_of_a_period != 0; });
  config.embedding_scale = std::sqrt(static_cast<float>(config.dim));
  if (config.n_layers() == layers_of_27b) {  // scales by the width of a head that it does not have
    config.attention_scale =
        1.0f / std::sqrt(static_cast<float>(config.dim) / static_cast<float>(config.layers[0].n_heads));
  }
  RopeConfig windowed;  // neither stretched nor with the base of the others
  windowed.dims = config.rope.dims;
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::neox, Rotation::Factors::none, windowed));
}

}  // namespace yoke::model
