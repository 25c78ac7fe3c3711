#include "model/families/exaone4.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Blocks are normalised behind, not before, and every head of queries and keys. Layers that see all know no
/// positions where others have a window.
struct Layer {
  QkvProjection qkv;
  HeadNorms head_norms;
  Attention attention;
  ops::Vector post_attention_norm;  // (dim)
  GatedFeedForward feed_forward;
  ops::Vector post_ffn_norm;  // (dim)
  bool rotates = true;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    qkv.add_tensors(table, config, index);
    head_norms.add_tensors(table, config);
    attention.add_tensors(table, config, index);
    table.whole(post_attention_norm, "post_attention_norm.weight", config.dim);
    feed_forward.add_tensors(table, config, index);
    table.whole(post_ffn_norm, "post_ffw_norm.weight", config.dim);
    rotates = config.window == 0 || config.layers[index].window > 0;
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, ops.unnormed(x));
    const Qkv normed = head_norms(ops, projected, config.norm_epsilon);
    const ops::Activations attended =
        attention(ops, rotates ? rotated(ops, rope, normed, config.k_dim) : normed);
    x = ops.add(x, ops.rms_norm_heads(attended, post_attention_norm, config.norm_epsilon));
    const ops::Activations fed = feed_forward(ops, ops.unnormed(x));
    return ops.add(x, ops.rms_norm_heads(fed, post_ffn_norm, config.norm_epsilon));
  }
};

}  // namespace

std::unique_ptr<Family> make_exaone4(Config config) {
  constexpr std::int64_t layers_of_a_period = 4;  // the last of which sees all
  constexpr std::int64_t layers_of_32b = 64;      // the smaller model has no windows
  if (config.n_layers() != layers_of_32b) {
    config.window = 0;
  } else {
    require(config.window > 0,
            "{}this exaone4 model of {} layers does not say exaone4.attention.sliding_window", config.where,
            layers_of_32b);
  }
  config.set_windows([](std::int64_t layer) { return (layer + 1) % layers_of_a_period != 0; });
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::neox, Rotation::Factors::one));
}

}  // namespace yoke::model
