#include "model/families/deepseek2.h"

#include <utility>

#include "base/error.h"
#include "model/decoder.h"
#include "model/layers/feed_forward.h"
#include "model/layers/latent_attention.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// How experts are chosen where a file does not say. V3 and those built like it (Kimi K2, GLM-4.7-Flash)
/// choose by sigmoids with a bias on each, which V2 has not.
RouteDefaults default_routing(const Experts& experts) {
  if (experts.selection_bias) return {ops::RouteSpec::Probability::sigmoid, true};
  return {ops::RouteSpec::Probability::softmax, false};
}

struct Layer {
  RmsNorm attn_norm;
  LatentAttention attention;
  RmsNorm ffn_norm;
  FeedForward feed_forward;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
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
    x = ops.add(x, attention(ops, config, rope, attn_norm(ops, config, x)));
    const RouteDefaults routing = default_routing(feed_forward.experts);
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), routing));
  }
};

}  // namespace

std::unique_ptr<Family> make_deepseek2(Config config) {
  require(config.latent.kv_rank > 0,
          "{}deepseek2.attention.kv_lora_rank is absent or 0; expected the width of a latent", config.where);
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::interleaved));
}

}  // namespace yoke::model
