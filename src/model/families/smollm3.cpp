#include "model/families/smollm3.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's. Every fourth layer knows no positions: Yang et al., https://arxiv.org/abs/2501.18795.
struct Layer : PreNormLayer {
  bool rotates = true;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    PreNormLayer::add_tensors(table, config, index);
    rotates = (index + 1) % 4 != 0;
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    x = ops.add(x, attention(ops, rotates ? rotated(ops, rope, projected, config.k_dim) : projected));
    return ops.add(x, feed_forward(ops, config, ffn_norm(ops, config, x)));
  }
};

}  // namespace

std::unique_ptr<Family> make_smollm3(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::interleaved));
}

}  // namespace yoke::model
