#include "ops/cpu/cpu_norms.h"

#include <cassert>
#include <cmath>

namespace yoke::ops::cpu {

float inverse_root(float sum_of_squares, std::int64_t n, float epsilon) {
  return 1.0f / std::sqrt(sum_of_squares / static_cast<float>(n) + epsilon);
}

void normalise(const kernels::Kernels& kernels, const float* x, const float* weight, std::int64_t n,
               float epsilon, float* y) {
  kernels.scale_by(x, inverse_root(kernels.sum_of_squares(x, n), n, epsilon), weight, y, n);
}

void centre(const kernels::Kernels& kernels, const float* x, std::int64_t n, float* y) {
  const float mean = kernels.sum(x, n) / static_cast<float>(n);
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] - mean;
}

void Norm::make(const kernels::Kernels& kernels, std::int64_t t, std::int64_t width, std::int64_t begin,
                std::int64_t end) const {
  const float* const from = x + t * width;
  float* const to = y + t * width;
  if (centred) {
    assert(begin == 0 && end == width);
    centre(kernels, from, width, to);
    normalise(kernels, to, weight, width, epsilon, to);
    if (bias != nullptr) kernels.add(to, bias, width);
  } else {
    const float factor = inverse_root(kernels.sum_of_squares(from, width), width, epsilon);
    kernels.scale_by(from + begin, factor, weight + begin, to + begin, end - begin);
  }
}

}  // namespace yoke::ops::cpu
