#include "model/families/glm4moe.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/head_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's with biases and, in the larger model, head norms; experts chosen by sigmoids after the first
/// layers.
struct Layer : HeadNormLayer {
  Layer() { routing = {ops::RouteSpec::Probability::sigmoid, true}; }

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    head_norms.add_tensors(table, config, true);
    attention.add_tensors(table, config, index);
    ffn_norm.add_tensors(table, config, "post_attention_norm");
    feed_forward.add_tensors(table, config, index);
  }
};

}  // namespace

std::unique_ptr<Family> make_glm4moe(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
