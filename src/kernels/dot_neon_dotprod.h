// Dot (vec64_scalar.h) where there is sdot: four products in each lane, with four bytes of a register of
// sixteen.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "kernels/vec64_neon.h"

namespace yoke::kernels {
namespace {

/// Codes become signed: a product of signed and unsigned bytes came later.
template <int max_code, int zero>
class Dot {
 public:
  static constexpr bool takes_whole_blocks = true;
  static constexpr int tokens = 1;

  Dot() = default;
  explicit Dot(std::int32_t minus_sum) {
    for (int32x4_t& each : sum_) each = vdupq_n_s32(is_signed ? 0 : minus_sum * zero);
  }
  template <int quad>
  void add(const U8x64& codes, const std::int8_t* x) {
    const int8x16_t four_quads = vld1q_s8(x + quad / 4 * 16);
    for (int i = 0; i < 4; ++i) {
      const uint8x16_t values = is_signed ? veorq_u8(codes.raw[i], vdupq_n_u8(128)) : codes.raw[i];
      sum_[i] = vdotq_laneq_s32(sum_[i], vreinterpretq_s8_u8(values), four_quads, quad % 4);
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
