#include "model/families/qwen2.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's, with biases for queries, keys and values in every file.
struct Layer : PreNormLayer {
  void add_tensors(TableBuilder& table, const Config& config, int index) {
    PreNormLayer::add_tensors(table, config, index);
    for (const char* bias : {"attn_q.bias", "attn_k.bias", "attn_v.bias"}) table.must_have(bias);
  }
};

}  // namespace

std::unique_ptr<Family> make_qwen2(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
