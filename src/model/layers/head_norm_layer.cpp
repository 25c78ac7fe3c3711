#include "model/layers/head_norm_layer.h"

namespace yoke::model {

void HeadNormLayer::add_tensors(TableBuilder& table, const Config& config, int index) {
  PreNormLayer::add_tensors(table, config, index);
  head_norms.add_tensors(table, config);
}

ops::Activations HeadNormLayer::operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                                           ops::Activations x) {
  const Qkv projected = qkv(ops, attn_norm(ops, config, x));
  const Qkv normed = head_norms(ops, projected, config.norm_epsilon);
  x = ops.add(x, attention(ops, rotated(ops, rope, normed, config.k_dim)));
  return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), routing));
}

}  // namespace yoke::model
