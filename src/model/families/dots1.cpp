#include "model/families/dots1.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/head_norm_layer.h"

namespace yoke::model {
namespace {

/// Qwen 3's, with experts chosen by sigmoids after the first layers.
struct Layer : HeadNormLayer {
  Layer() { routing = {ops::RouteSpec::Probability::sigmoid, true}; }
};

}  // namespace

std::unique_ptr<Family> make_dots1(Config config) {
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
