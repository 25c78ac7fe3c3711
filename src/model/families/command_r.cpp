#include "model/families/command_r.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Both blocks read the same norm of the residual, side by side, so that one sum over ranks takes what both
/// add. Layers that see all know no positions where others have a window. Yang et al.,
/// https://arxiv.org/abs/2501.18795.
struct Layer {
  LayerNorm norm;
  QkvProjection qkv;
  HeadLayerNorms head_norms;
  Attention attention;
  GatedFeedForward feed_forward;
  bool rotates = true;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    head_norms.add_tensors(table, config, index);
    attention.add_tensors(table, config, index);
    feed_forward.add_tensors(table, config, index);
    rotates = config.window == 0 || config.layers[index].window > 0;
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const ops::Normed normed = norm(ops, config, x);
    const Qkv heads = head_norms(ops, qkv(ops, normed), config);
    const Qkv turned = rotates ? rotated(ops, rope, heads, config.k_dim) : heads;
    x = ops.add(x, ops.all_reduce(ops.add(attention.addend(ops, turned), feed_forward.addend(ops, normed))));
    return ops.add_bias(ops.add_bias(x, attention.output_bias), feed_forward.down_bias);
  }
};

}  // namespace

std::unique_ptr<Family> make_command_r(Config config) {
  return std::make_unique<Decoder<Layer, LayerNorm>>(std::move(config),
                                                     Rotation(ops::RopeStyle::interleaved));
}

std::unique_ptr<Family> make_cohere2(Config config) {
  constexpr std::int64_t layers_of_a_period = 4;  // the last of which sees all
  config.set_windows([](std::int64_t layer) { return (layer + 1) % layers_of_a_period != 0; });
  return make_command_r(std::move(config));
}

}  // namespace yoke::model
