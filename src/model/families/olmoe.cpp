#include "model/families/olmoe.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/width_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's with queries and keys normalised, all heads together. The weights of the chosen experts keep the
/// sum they have.
struct Layer : WidthNormLayer {
  Layer() { routing = {ops::RouteSpec::Probability::softmax, false}; }
};

}  // namespace

std::unique_ptr<Family> make_olmoe(Config config) {
  config.require_experts();
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
