#include "model/families/gemma3.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/gemma_layer.h"

namespace yoke::model {
namespace {

/// Gemma 2's with a norm of every head.
struct Layer : GemmaLayer {
  void add_tensors(TableBuilder& table, const Config& config, int index) {
    GemmaLayer::add_tensors(table, config, index);
    head_norms.add_tensors(table, config);
  }
};

}  // namespace

std::unique_ptr<Family> make_gemma3(Config config) {
  constexpr std::int64_t layers_of_a_period = 6;  // the last of which sees all
  config.set_windows([](std::int64_t layer) { return (layer + 1) % layers_of_a_period != 0; });
  set_gemma_scales(config, 62);
  RopeConfig windowed;  // neither stretched nor with the base of the others
  windowed.dims = config.rope.dims;
  return std::make_unique<Decoder<Layer>>(std::move(config),
                                          Rotation(ops::RopeStyle::neox, Rotation::Factors::none, windowed));
}

}  // namespace yoke::model
