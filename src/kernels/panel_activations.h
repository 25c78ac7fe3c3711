// Activations as bytes with a scale for every 32. Contract: Kernels::quantize_activations.
// Written over F32x16 and I32x16, which vec_*.h and vec64_*.h define before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise.h"
#include "kernels/panels.h"

namespace yoke::kernels {
namespace {

inline void quantize_block(const float* x, ActivationBlock& block) {
  const F32x16 low = F32x16::load(x), high = F32x16::load(x + 16);
  const float most = max(magnitude(low), magnitude(high)).reduce_max();
  // A maximum may lose a NaN. This is 0, and not finite where a value is not.
  const float poison = ((low - low) + (high - high)).reduce_add();
  // Below that, 127 / most would overflow.
  const bool nothing = most < 0x1p-100f;
  const F32x16 factor = F32x16::broadcast(nothing ? 0.0f : 127.0f / most);
  const I32x16 first = nearest(low * factor), second = nearest(high * factor);
  store_low_bytes(first, block.q);
  store_low_bytes(second, block.q + 16);
  const std::int32_t sums[2] = {reduce_add(first), reduce_add(second)};
  const float d = (nothing ? 0.0f : most / 127.0f) + poison;
  const std::int32_t sum = sums[0] + sums[1];
  block.d = d;
  block.d_sum = d * static_cast<float>(sum);
  block.minus_sum = -sum;
  for (int half = 0; half < 2; ++half) {
    block.minus_half_sums[half] = -sums[half];
    block.d_half_sums[half] = d * static_cast<float>(sums[half]);
  }
  block.unused = 0.0f;
}

void quantize_activations(const float* x, std::int64_t cols, ActivationBlock* blocks) {
  for (std::int64_t k = 0; k < cols; k += activation_block) quantize_block(x + k, *blocks++);
  if (cols % unit_cols != 0) *blocks = {};
}

}  // namespace
}  // namespace yoke::kernels
