#include "model/families/seed_oss.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's, with biases for queries, keys and values, and another name for the second norm.
struct Layer : PreNormLayer {
  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    attention.add_tensors(table, config, index);
    ffn_norm.add_tensors(table, config, "post_attention_norm");
    feed_forward.add_tensors(table, config, index);
  }
};

}  // namespace

std::unique_ptr<Family> make_seed_oss(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
