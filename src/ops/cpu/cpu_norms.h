// Norms of the CPU backend: over a token's values, or over those of each head.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace yoke::ops::cpu {

/// What n values are multiplied with, so that their mean square is 1, or less by epsilon.
float inverse_root(float sum_of_squares, std::int64_t n, float epsilon);
/// y = x / sqrt(mean(x²) + epsilon) · weight, of n values; y may be x.
void normalise(const kernels::Kernels& kernels, const float* x, const float* weight, std::int64_t n,
               float epsilon, float* y);
/// y = x − mean(x), of n values; y may be x.
void centre(const kernels::Kernels& kernels, const float* x, std::int64_t n, float* y);

/// What tokens are to become for matmuls.
struct Norm {
  const float* x;       // (tokens, width)
  float* y;             // the same; where they go
  const float* weight;  // (width)
  const float* bias;    // (width), or null
  float epsilon;
  bool centred;  // layer_norm, not rms_norm

  /// Values [begin, end) of token t, which has `width`. Of a centred norm all are made at once.
  void make(const kernels::Kernels& kernels, std::int64_t t, std::int64_t width, std::int64_t begin,
            std::int64_t end) const;
};

}  // namespace yoke::ops::cpu
