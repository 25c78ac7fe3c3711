// Random blocks of formats that nothing here encodes: for models to measure and to test with.
#pragma once

#include <cstddef>
#include <random>
#include <span>

#include "quant/format.h"

namespace yoke::quant {

/// Fills `out`, whole blocks of an IQ format, with random codes and small scales. The F16 scale of each
/// block, of either sign, makes its values' root mean square `deviation`.
void random_blocks(const Format& format, float deviation, std::mt19937_64& random, std::span<std::byte> out);

}  // namespace yoke::quant
