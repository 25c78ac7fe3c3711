#include "model/families/minimax_m2.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/width_norm_layer.h"

namespace yoke::model {
namespace {

/// Llama's with queries and keys normalised, all heads together, the front part of each head rotated, and
/// experts chosen by sigmoids.
struct Layer : WidthNormLayer {
  Layer() { routing = {ops::RouteSpec::Probability::sigmoid, true}; }

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    WidthNormLayer::add_tensors(table, config, index);
    table.must_have("exp_probs_b.bias");
  }
};

}  // namespace

std::unique_ptr<Family> make_minimax_m2(Config config) {
  config.require_experts();
  return std::make_unique<Decoder<Layer>>(std::move(config), Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
