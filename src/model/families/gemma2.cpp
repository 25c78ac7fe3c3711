#include "model/families/gemma2.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/gemma_layer.h"

namespace yoke::model {

std::unique_ptr<Family> make_gemma2(Config config) {
  // What all its models have, where a file does not say.
  if (config.window == 0) config.window = 4096;
  if (config.score_cap == 0) config.score_cap = 50;
  if (config.logit_cap == 0) config.logit_cap = 30;
  config.set_windows([](std::int64_t layer) { return layer % 2 == 0; });
  set_gemma_scales(config, 46);
  return std::make_unique<Decoder<GemmaLayer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
