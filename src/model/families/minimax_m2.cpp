#include "model/families/minimax_m2.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's with queries and keys normalised, all heads together, the front part of each head rotated, and
/// experts chosen by sigmoids.
struct Layer : PreNormLayer {
  WidthNorms width_norms;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    PreNormLayer::add_tensors(table, config, index);
    width_norms.add_tensors(table, config, index);
    table.must_have("exp_probs_b.bias");
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    const Qkv normed = width_norms(ops, projected, attention.heads, config.norm_epsilon);
    x = ops.add(x, attention(ops, rotated(ops, rope, normed, config.k_dim)));
    const RouteDefaults by_sigmoid{ops::RouteSpec::Probability::sigmoid, true};
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), by_sigmoid));
  }
};

}  // namespace

std::unique_ptr<Family> make_minimax_m2(Config config) {
  config.require_experts();
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
