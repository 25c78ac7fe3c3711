// How fast this machine generates, as far as reading weights decides it: what work is divided by among
// machines that differ.
#pragma once

#include <cstdint>
#include <optional>

#include "quant/format.h"

namespace yoke::rates {

/// Bytes of weights per second that so many threads multiply one token with, of packed weights of this
/// format, with the instruction set that a model would be computed with. A mean over half a second: what else
/// runs here takes its part, as it will. Nothing where that tells nothing or cannot be: where `weights`, all
/// bytes of the model, are fewer than are read for it; without memory for it; of formats that are not
/// multiplied. Throws Error as kernels::best() does.
std::optional<double> measure_decode_speed(quant::Type format, std::uint64_t weights, int threads);

}  // namespace yoke::rates
