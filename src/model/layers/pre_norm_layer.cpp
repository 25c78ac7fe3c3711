#include "model/layers/pre_norm_layer.h"

namespace yoke::model {

void PreNormLayer::add_tensors(TableBuilder& table, const Config& config, int index) {
  attn_norm.add_tensors(table, config, "attn_norm");
  qkv.add_tensors(table, config, index);
  attention.add_tensors(table, config, index);
  ffn_norm.add_tensors(table, config, "ffn_norm");
  feed_forward.add_tensors(table, config, index);
}

void PreNormLayer::prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index,
                           int rank, const ops::CacheSize& caches) {
  attention.prepare(ops, config, partition, index, rank, caches);
}

ops::Activations PreNormLayer::operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                                          ops::Activations x) {
  const Qkv projected = qkv(ops, attn_norm(ops, config, x));
  x = ops.add(x, attention(ops, rotated(ops, rope, projected, config.k_dim)));
  return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), routing));
}

}  // namespace yoke::model
