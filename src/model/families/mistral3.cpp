#include "model/families/mistral3.h"

#include <cmath>
#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's; queries grow with their positions.
struct Layer : PreNormLayer {
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    Qkv turned = rotated(ops, rope, qkv(ops, attn_norm(ops, config, x)), config.k_dim);
    turned.q = ops.scale_by_position(turned.q, config.query_scale);
    x = ops.add(x, attention(ops, turned));
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), routing));
  }
};

}  // namespace

std::unique_ptr<Family> make_mistral3(Config config) {
  // What the file calls a log multiplier takes back what YaRN adds to the magnitude, all of it where it is 1.
  RopeConfig& rope = config.rope;
  rope.attention_factor /= 1 + 0.1 * std::exchange(rope.log_multiplier, 0) * std::log(rope.factor);
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::interleaved, Rotation::Factors::one));
}

}  // namespace yoke::model
