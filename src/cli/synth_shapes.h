// The shapes that `yoke synth` knows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"

namespace yoke::cli {

/// Their names. Some are for one kind of family, such as those with latent attention.
std::vector<std::string> synth_shapes();

/// The hyper-parameters of a shape, as a family would have them. The shape has been checked.
model::Config config_of_shape(std::string_view shape, const std::string& family);

}  // namespace yoke::cli
