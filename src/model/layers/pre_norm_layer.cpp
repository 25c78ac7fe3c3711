#include "model/layers/pre_norm_layer.h"

namespace yoke::model {

void PreNormLayer::add_tensors(TableBuilder& table, const Config& config, int index) {
  table.whole(attn_norm, "attn_norm.weight", config.dim);
  qkv.add_tensors(table, config, index);
  attention.add_tensors(table, config, index);
  table.whole(ffn_norm, "ffn_norm.weight", config.dim);
  feed_forward.add_tensors(table, config, index);
}

void PreNormLayer::prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index,
                           int rank, std::int64_t pages) {
  attention.prepare(ops, config, partition, index, rank, pages);
}

ops::Activations PreNormLayer::operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                                          ops::Activations x) {
  const Qkv projected = qkv(ops, ops.rms_norm(x, attn_norm, config.rms_epsilon));
  x = ops.add(x, attention(ops, rotated(ops, rope, projected, config.k_dim)));
  return ops.add(x, feed_forward(ops, config, ops.rms_norm(x, ffn_norm, config.rms_epsilon)));
}

}  // namespace yoke::model
