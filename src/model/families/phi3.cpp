#include "model/families/phi3.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Llama's with fused matrices.
struct Layer {
  RmsNorm attn_norm;
  FusedQkvProjection qkv;
  Attention attention;
  RmsNorm ffn_norm;
  FusedGatedFeedForward feed_forward;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    attention.add_tensors(table, config, index);
    ffn_norm.add_tensors(table, config, "ffn_norm");
    feed_forward.add_tensors(table, config, index);
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x), attention.heads);
    x = ops.add(x, attention(ops, rotated(ops, rope, projected, config.k_dim)));
    return ops.add(x, feed_forward(ops, ffn_norm(ops, config, x)));
  }
};

}  // namespace

std::unique_ptr<Family> make_phi3(Config config) {
  config.set_windows([](std::int64_t) { return true; });
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::neox, Rotation::Factors::by_length));
}

}  // namespace yoke::model
