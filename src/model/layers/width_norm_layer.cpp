#include "model/layers/width_norm_layer.h"

namespace yoke::model {

void WidthNormLayer::add_tensors(TableBuilder& table, const Config& config, int index) {
  PreNormLayer::add_tensors(table, config, index);
  width_norms.add_tensors(table, config, index);
}

ops::Activations WidthNormLayer::operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                                            ops::Activations x) {
  const Qkv projected = qkv(ops, attn_norm(ops, config, x));
  const Qkv normed = width_norms(ops, projected, attention.heads, config.norm_epsilon);
  x = ops.add(x, attention(ops, rotated(ops, rope, normed, config.k_dim)));
  return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), routing));
}

}  // namespace yoke::model
