#include "model/families/olmo2.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Blocks are normalised behind, not before, and queries and keys with all heads together.
struct Layer {
  QkvProjection qkv;
  WidthNorms width_norms;
  Attention attention;
  ops::Vector post_attention_norm;  // (dim)
  GatedFeedForward feed_forward;
  ops::Vector post_ffn_norm;  // (dim)

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    qkv.add_tensors(table, config, index);
    width_norms.add_tensors(table, config, index);
    attention.add_tensors(table, config, index);
    table.whole(post_attention_norm, "post_attention_norm.weight", config.dim);
    feed_forward.add_tensors(table, config, index);
    table.whole(post_ffn_norm, "post_ffw_norm.weight", config.dim);
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv normed = width_norms(ops, qkv(ops, ops.unnormed(x)), attention.heads, config.norm_epsilon);
    const ops::Activations attended = attention(ops, rotated(ops, rope, normed, config.k_dim));
    x = ops.add(x, ops.rms_norm_heads(attended, post_attention_norm, config.norm_epsilon));
    const ops::Activations fed = feed_forward(ops, ops.unnormed(x));
    return ops.add(x, ops.rms_norm_heads(fed, post_ffn_norm, config.norm_epsilon));
  }
};

}  // namespace

std::unique_ptr<Family> make_olmo2(Config config) {
  constexpr std::int64_t layers_of_a_period = 4;  // the last of which sees all
  config.set_windows([](std::int64_t layer) { return (layer + 1) % layers_of_a_period != 0; });
  RopeConfig windowed;  // is not stretched
  windowed.dims = config.rope.dims;
  windowed.base = config.rope.base;
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::neox, Rotation::Factors::none, windowed));
}

}  // namespace yoke::model
