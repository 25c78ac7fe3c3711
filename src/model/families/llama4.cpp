#include "model/families/llama4.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

std::int64_t most_experts(const Config& config) {
  std::int64_t most = 0;
  for (const LayerConfig& layer : config.layers) most = std::max(most, layer.n_experts);
  return most;
}

/// Llama's, of two kinds. Three of four layers see chunks of the text and normalise heads that have been
/// rotated; the fourth sees all, knows no positions, and its queries grow with them. Sigmoids weigh what
/// experts read.
struct Layer : PreNormLayer {
  bool rotates = true;
  bool norms_heads = true;

  Layer() {
    feed_forward.experts.weighs_inputs = true;
    routing = {ops::RouteSpec::Probability::sigmoid_of_chosen, false};
  }

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    constexpr std::int64_t experts_of_maverick = 128;  // which norms no heads
    PreNormLayer::add_tensors(table, config, index);
    rotates = config.layers[index].window > 0;
    norms_heads = most_experts(config) != experts_of_maverick;
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    PreNormLayer::prepare(ops, config, partition, index, rank, caches);
    attention.spec.chunked = true;
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    Qkv heads = qkv(ops, attn_norm(ops, config, x));
    if (rotates) {
      heads = rotated(ops, rope, heads, config.k_dim);
    } else {
      heads.q = ops.scale_by_position(heads.q, config.query_scale);
    }
    if (rotates && norms_heads) {
      heads.q = ops.rms_norm_heads(heads.q, config.k_dim, config.norm_epsilon);
      heads.k = ops.rms_norm_heads(heads.k, config.k_dim, config.norm_epsilon);
    }
    x = ops.add(x, attention(ops, heads));
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), routing));
  }
};

}  // namespace

std::unique_ptr<Family> make_llama4(Config config) {
  constexpr std::int64_t layers_of_a_period = 4;  // the last of which sees all
  require(most_experts(config) > 0, "{}this llama4 model has no experts: llama4.expert_count is expected",
          config.where);
  // What all its models have, where a file does not say.
  if (config.window == 0) config.window = 8192;
  if (config.query_scale.slope == 0) config.query_scale = {.slope = 0.1, .length = 8192};
  config.query_scale.offset = 1;
  config.set_windows([](std::int64_t layer) { return (layer + 1) % layers_of_a_period != 0; });
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::interleaved, Rotation::Factors::one));
}

}  // namespace yoke::model
