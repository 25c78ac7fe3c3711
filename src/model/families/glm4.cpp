#include "model/families/glm4.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// A norm on either side of each block, and the front part of each head rotated.
struct Layer {
  RmsNorm attn_norm;
  QkvProjection qkv;
  Attention attention;
  ops::Vector post_attention_norm;  // (dim)
  RmsNorm ffn_norm;
  FusedGatedFeedForward feed_forward;
  ops::Vector post_ffn_norm;  // (dim)

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
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
    const ops::Activations attended = attention(ops, rotated(ops, rope, projected, config.k_dim));
    x = ops.add(x, ops.rms_norm_heads(attended, post_attention_norm, config.norm_epsilon));
    const ops::Activations fed = feed_forward(ops, ffn_norm(ops, config, x));
    return ops.add(x, ops.rms_norm_heads(fed, post_ffn_norm, config.norm_epsilon));
  }
};

}  // namespace

std::unique_ptr<Family> make_glm4(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::interleaved));
}

}  // namespace yoke::model
