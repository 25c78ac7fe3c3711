#include "model/families/dots1.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's, with a norm of every head of queries and keys, and experts chosen by sigmoids after the first
/// layers.
struct Layer : PreNormLayer {
  HeadNorms head_norms;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    PreNormLayer::add_tensors(table, config, index);
    head_norms.add_tensors(table, config);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    const Qkv normed = head_norms(ops, projected, config.norm_epsilon);
    x = ops.add(x, attention(ops, rotated(ops, rope, normed, config.k_dim)));
    const RouteDefaults by_sigmoid{ops::RouteSpec::Probability::sigmoid, true};
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x), by_sigmoid));
  }
};

}  // namespace

std::unique_ptr<Family> make_dots1(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
