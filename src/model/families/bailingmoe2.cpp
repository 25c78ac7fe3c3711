#include "model/families/bailingmoe2.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Llama's with one matrix for queries, keys and values, the front part of each head rotated, and experts
/// chosen by sigmoids, from groups, after the first layers.
struct Layer {
  RmsNorm attn_norm;
  FusedQkvProjection qkv;
  HeadNorms head_norms;
  Attention attention;
  RmsNorm ffn_norm;
  FeedForward feed_forward;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    head_norms.add_tensors(table, config);
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
    const Qkv normed = head_norms(ops, projected, config.norm_epsilon);
    x = ops.add(x, attention(ops, rotated(ops, rope, normed, config.k_dim)));
    const RouteDefaults by_sigmoid{ops::RouteSpec::Probability::sigmoid, true};
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), by_sigmoid));
  }
};

}  // namespace

std::unique_ptr<Family> make_bailingmoe2(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
