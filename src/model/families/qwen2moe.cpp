#include "model/families/qwen2moe.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's with biases. The weights of the chosen experts keep the sum they have.
struct Layer : PreNormLayer {
  Layer() { routing = {ops::RouteSpec::Probability::softmax, false}; }

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    PreNormLayer::add_tensors(table, config, index);
    for (const char* name : {"attn_q.bias", "attn_k.bias", "attn_v.bias", "ffn_gate_inp_shexp.weight"})
      table.must_have(name);
  }
};

}  // namespace

std::unique_ptr<Family> make_qwen2moe(Config config) {
  config.require_experts();
  require(
      config.experts.shared_dim > 0,
      "{}this qwen2moe model has no shared experts: qwen2moe.expert_shared_feed_forward_length is expected",
      config.where);
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
