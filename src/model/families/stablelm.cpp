#include "model/families/stablelm.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Layer norms, and the front part of each head rotated. Where there is no second norm (12B), both blocks
/// read the first, side by side.
struct Layer {
  LayerNorm attn_norm;
  QkvProjection qkv;
  HeadLayerNorms head_norms;
  Attention attention;
  LayerNorm ffn_norm;
  GatedFeedForward feed_forward;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    head_norms.add_tensors(table, config, index);
    attention.add_tensors(table, config, index);
    ffn_norm.add_tensors(table, config, "ffn_norm");
    table.may_lack("ffn_norm.weight");
    feed_forward.add_tensors(table, config, index);
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const ops::Normed normed = attn_norm(ops, config, x);
    const Qkv turned = rotated(ops, rope, head_norms(ops, qkv(ops, normed), config), config.k_dim);
    x = ops.add(x, attention(ops, turned));
    return ops.add(x, feed_forward(ops, ffn_norm.weight ? ffn_norm(ops, config, x) : normed));
  }
};

}  // namespace

std::unique_ptr<Family> make_stablelm(Config config) {
  return std::make_unique<Decoder<Layer, LayerNorm>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
