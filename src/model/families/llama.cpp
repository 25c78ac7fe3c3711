#include "model/families/llama.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/pre_norm_layer.h"

namespace yoke::model {

std::unique_ptr<Family> make_llama(Config config) {
  return std::make_unique<Decoder<PreNormLayer>>(
      std::move(config), Rotation(ops::RopeStyle::interleaved, Rotation::Factors::one));
}

}  // namespace yoke::model
