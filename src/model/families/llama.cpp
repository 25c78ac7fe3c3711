#include "model/families/llama.h"

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {

std::unique_ptr<Family> make_llama(const Config& config) {
  return std::make_unique<Decoder<PreNormLayer>>(config, Rotation{ops::RopeStyle::interleaved, true, {}, {}});
}

}  // namespace yoke::model
