#include "model/families/qwen3next.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/experts.h"
#include "model/layers/gated_attention.h"
#include "model/layers/gated_delta_net.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Most layers are recurrent, the others attend through gates, and all have experts, beside one that every
/// token goes to as far as a gate of its own lets it. Norms are stored as they multiply.
struct Layer {
  RmsNorm attn_norm;
  GatedDeltaNet delta;  // of a recurrent layer
  GatedAttention attention;
  RmsNorm ffn_norm;
  Experts experts;
  bool recurrent = false;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    recurrent = config.layers[index].recurrent;
    attn_norm.add_tensors(table, config, "attn_norm");
    if (recurrent) {
      delta.add_tensors(table, config);
    } else {
      attention.add_tensors(table, config, index);
    }
    ffn_norm.add_tensors(table, config, "post_attention_norm");
    experts.add_tensors(table, config, index);
    table.must_have("ffn_gate_inp_shexp.weight");
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    if (recurrent) {
      delta.prepare(ops, config, partition, index, rank, caches);
    } else {
      attention.attention.prepare(ops, config, partition, index, rank, caches);
    }
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const ops::Normed normed = attn_norm(ops, config, x);
    x = ops.add(x, recurrent ? delta(ops, config, normed) : attention(ops, config, rope, normed));
    const ops::RouteSpec route = config.experts.route(ops::RouteSpec::Probability::softmax, true);
    return ops.add(x, experts(ops, ffn_norm(ops, config, x), route, ops::Gate::silu));
  }
};

}  // namespace

std::unique_ptr<Family> make_qwen3next(Config config) {
  config.require_experts();
  require(
      config.experts.shared_dim > 0,
      "{}this qwen3next model has no shared expert: qwen3next.expert_shared_feed_forward_length is expected",
      config.where);
  require(config.delta.k_heads > 0,
          "{}this qwen3next model does not say qwen3next.ssm.group_count, as one with recurrent layers does",
          config.where);
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
