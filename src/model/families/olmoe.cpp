#include "model/families/olmoe.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's with queries and keys normalised, all heads together. The weights of the chosen experts keep the
/// sum they have.
struct Layer : PreNormLayer {
  WidthNorms width_norms;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    PreNormLayer::add_tensors(table, config, index);
    width_norms.add_tensors(table, config, index);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    const Qkv normed = width_norms(ops, projected, attention.heads, config.norm_epsilon);
    x = ops.add(x, attention(ops, rotated(ops, rope, normed, config.k_dim)));
    const RouteDefaults as_they_are{ops::RouteSpec::Probability::softmax, false};
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), as_they_are));
  }
};

}  // namespace

std::unique_ptr<Family> make_olmoe(Config config) {
  config.require_experts();
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
