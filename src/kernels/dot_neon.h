// Dot (vec64_scalar.h) on every aarch64: two products to 16 bits, pairs of those to 32.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "kernels/vec64_neon.h"

namespace yoke::kernels {
namespace {

/// Σ of four neighbouring products, added to `sum`. No byte of `x` is −128, so pairs stay below 2¹⁵.
inline int32x4_t add_products(int32x4_t sum, int8x16_t weights, int8x16_t x) {
  const int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(x));
  const int16x8_t high = vmull_high_s8(weights, x);
  return vpadalq_s16(sum, vpaddq_s16(low, high));
}

/// Codes become signed: there is no product of signed and unsigned bytes.
template <int max_code, int zero>
class Dot {
 public:
  static constexpr bool takes_whole_blocks = false;
  static constexpr int tokens = 1;

  Dot() = default;
  explicit Dot(std::int32_t minus_sum) {
    for (int32x4_t& each : sum_) each = vdupq_n_s32(is_signed ? 0 : minus_sum * zero);
  }
  void add(const U8x64& codes, const std::int8_t* x) {
    std::int32_t four = 0;
    __builtin_memcpy(&four, x, sizeof four);
    const int8x16_t all = vreinterpretq_s8_s32(vdupq_n_s32(four));
    for (int i = 0; i < 4; ++i) {
      const uint8x16_t values = is_signed ? veorq_u8(codes.raw[i], vdupq_n_u8(128)) : codes.raw[i];
      sum_[i] = add_products(sum_[i], vreinterpretq_s8_u8(values), all);
    }
  }
  I32x16 total() const { return {sum_[0], sum_[1], sum_[2], sum_[3]}; }

 private:
  static constexpr bool is_signed = max_code > 127;
  static_assert(!is_signed || zero == 128);
  int32x4_t sum_[4];
};

}  // namespace
}  // namespace yoke::kernels
