#include "model/families/qwen3.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/head_norm_layer.h"

namespace yoke::model {

std::unique_ptr<Family> make_qwen3(Config config) {
  return std::make_unique<Decoder<HeadNormLayer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
