#include "model/families/qwen2moe.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's with biases. The weights of the chosen experts keep the sum they have.
struct Layer : PreNormLayer {
  void add_tensors(TableBuilder& table, const Config& config, int index) {
    PreNormLayer::add_tensors(table, config, index);
    for (const char* name : {"attn_q.bias", "attn_k.bias", "attn_v.bias", "ffn_gate_inp_shexp.weight"})
      table.must_have(name);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    x = ops.add(x, attention(ops, rotated(ops, rope, projected, config.k_dim)));
    const RouteDefaults as_they_are{ops::RouteSpec::Probability::softmax, false};
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), as_they_are));
  }
};

}  // namespace

std::unique_ptr<Family> make_qwen2moe(Config config) {
  config.require_experts();
  require(
      config.experts.shared_dim > 0,
      "this qwen2moe model has no shared experts: qwen2moe.expert_shared_feed_forward_length is expected");
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
