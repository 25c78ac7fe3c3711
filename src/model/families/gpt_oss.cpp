#include "model/families/gpt_oss.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/experts.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Biases everywhere, sinks, a window in every other layer, and experts chosen by the softmax over
/// themselves.
struct Layer {
  RmsNorm attn_norm;
  QkvProjection qkv;
  Attention attention;
  RmsNorm ffn_norm;
  Experts experts;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    attention.add_tensors(table, config, index);
    attention.add_sinks(table, config, index);
    ffn_norm.add_tensors(table, config, "post_attention_norm");
    experts.add_tensors(table, config, index);
    for (const char* bias :
         {"attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias", "ffn_gate_inp.bias",
          "ffn_gate_exps.bias", "ffn_up_exps.bias", "ffn_down_exps.bias"}) {
      table.must_have(bias);
    }
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    x = ops.add(x, attention(ops, rotated(ops, rope, projected, config.k_dim)));
    const ops::RouteSpec route = config.experts.route(ops::RouteSpec::Probability::softmax_of_chosen, false);
    return ops.add(x, experts(ops, ffn_norm(ops, config, x), route, ops::Gate::clamped_swiglu));
  }
};

}  // namespace

std::unique_ptr<Family> make_gpt_oss(Config config) {
  config.require_experts();
  config.set_windows([](std::int64_t layer) { return layer % 2 == 0; });
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
