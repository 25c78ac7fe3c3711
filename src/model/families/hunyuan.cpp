#include "model/families/hunyuan.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's, with a norm of every head of queries and keys behind the rotation.
struct Layer : PreNormLayer {
  HeadNorms head_norms;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    PreNormLayer::add_tensors(table, config, index);
    head_norms.add_tensors(table, config);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv turned = rotated(ops, rope, qkv(ops, attn_norm(ops, config, x)), config.k_dim);
    x = ops.add(x, attention(ops, head_norms(ops, turned, config.norm_epsilon)));
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x)));
  }
};

}  // namespace

std::unique_ptr<Family> make_hunyuan(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::neox, Rotation::Factors::one));
}

}  // namespace yoke::model
