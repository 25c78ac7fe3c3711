#include "model/families/granite.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's; what a block adds is scaled. Models of one kind know no positions.
struct Layer : PreNormLayer {
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    const bool rotates = config.rope.finetuned;
    const ops::Activations attended =
        attention(ops, rotates ? rotated(ops, rope, projected, config.k_dim) : projected);
    x = ops.add(x, ops.scale(attended, config.residual_scale));
    const ops::Activations fed = feed_forward(ops, config, ffn_norm(ops, config, x));
    return ops.add(x, ops.scale(fed, config.residual_scale));
  }
};

}  // namespace

std::unique_ptr<Family> make_granite(Config config) {
  config.logit_scale = 1 / config.logit_scale;  // what the file says divides
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::interleaved, Rotation::Factors::one));
}

}  // namespace yoke::model
