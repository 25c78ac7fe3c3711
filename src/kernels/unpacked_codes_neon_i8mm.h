// Unpacked codes (unpacked_codes.h) where there is smmla, which multiplies two rows with two tokens, eight
// columns at once: weights as signed bytes, eight columns of a row next to each other.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/matmul.h"
#include "kernels/vec64_neon.h"

namespace yoke::kernels {
namespace {

/// Rows 0 to 7, or with `half` 1 rows 8 to 15, of two quads: a register has eight columns of two rows.
template <int half>
inline U8x64 zipped(const U8x64& even, const U8x64& odd) {
  U8x64 out;
  for (int i = 0; i < 2; ++i) {
    const uint32x4_t a = vreinterpretq_u32_u8(even.raw[2 * half + i]);
    const uint32x4_t b = vreinterpretq_u32_u8(odd.raw[2 * half + i]);
    out.raw[2 * i] = vreinterpretq_u8_u32(vzip1q_u32(a, b));
    out.raw[2 * i + 1] = vreinterpretq_u8_u32(vzip2q_u32(a, b));
  }
  return out;
}

/// Σ weight·x of sixteen rows and two tokens.
class PairDot {
 public:
  static constexpr int tokens = 2;

  PairDot() {
    for (int32x4_t& each : sum_) each = vdupq_n_s32(0);
  }
  /// What unpack() has put in the place of quad `quad`; x and y are 32 bytes of each token.
  template <int quad>
  void add(const U8x64& weights, const std::int8_t* x, const std::int8_t* y) {
    const int8x16_t both = eight_columns<quad / 2>(x, y);
    for (int i = 0; i < 4; ++i) {
      int32x4_t& sum = sum_[quad % 2 * 4 + i];
      sum = vmmlaq_s32(sum, both, vreinterpretq_s8_u8(weights.raw[i]));
    }
  }
  template <int token>
  I32x16 total() const {
    return {of<token>(sum_[0], sum_[1]), of<token>(sum_[2], sum_[3]), of<token>(sum_[4], sum_[5]),
            of<token>(sum_[6], sum_[7])};
  }

 private:
  /// Bytes 8·i to 8·i + 7 of each.
  template <int i>
  static int8x16_t eight_columns(const std::int8_t* x, const std::int8_t* y) {
    const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(x + i / 2 * 16));
    const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(y + i / 2 * 16));
    return vreinterpretq_s8_s64(i % 2 == 0 ? vzip1q_s64(a, b) : vzip2q_s64(a, b));
  }
  template <int token>
  static int32x4_t of(int32x4_t a, int32x4_t b) {
    const int64x2_t low = vreinterpretq_s64_s32(a), high = vreinterpretq_s64_s32(b);
    return vreinterpretq_s32_s64(token == 0 ? vzip1q_s64(low, high) : vzip2q_s64(low, high));
  }

  int32x4_t sum_[8];  // of two rows each: those of the first token, then of the second
};

template <class Format>
struct UnpackedCodes {
  static constexpr bool as_in_panels = false;
  using Sum = PairDot;

  template <class Block>
  static void unpack(const Block& block, std::byte (&to)[8][64]) {
    unrolled<4>([&](auto pair) {
      const U8x64 even = block.template codes<2 * pair>().template minus<Format::zero>();
      const U8x64 odd = block.template codes<2 * pair + 1>().template minus<Format::zero>();
      zipped<0>(even, odd).store(to[2 * pair]);
      zipped<1>(even, odd).store(to[2 * pair + 1]);
    });
  }
};

}  // namespace
}  // namespace yoke::kernels
