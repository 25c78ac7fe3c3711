// What kernels know of the IQ formats (quant/iq_blocks.h): a weight as a code of four bits, which chooses one
// of sixteen values. The lower three bits are the code that a point of a grid has for it, the highest says
// minus (in IQ1: that an eighth is subtracted).
//
// Plain numbers only: no vector types are needed before.
#pragma once

#include <cstdint>

#include "quant/iq_grids.h"

namespace yoke::kernels {
namespace {

/// What codes stand for, in the format's smallest step.
struct IqValues {
  std::int8_t of[16];
};
template <int n>
constexpr IqValues plus_and_minus(const std::int8_t (&magnitudes)[n]) {
  IqValues values{};
  for (int i = 0; i < n; ++i) {
    values.of[i] = magnitudes[i];
    values.of[8 + i] = static_cast<std::int8_t>(-magnitudes[i]);
  }
  return values;
}
constexpr IqValues iq2_values = plus_and_minus(quant::iq2_magnitudes);
constexpr IqValues iq3_xxs_values = plus_and_minus(quant::iq3_xxs_magnitudes);
constexpr IqValues iq3_s_values = plus_and_minus(quant::iq3_s_magnitudes);
/// In eighths.
constexpr IqValues iq1_values = [] {
  IqValues values{};
  for (int i = 0; i < 3; ++i) {
    values.of[i] = static_cast<std::int8_t>(8 * quant::iq1_values[i] + 1);
    values.of[8 + i] = static_cast<std::int8_t>(8 * quant::iq1_values[i] - 1);
  }
  return values;
}();

/// The codes of a point of eight values, each in a byte, the first lowest.
constexpr std::uint64_t eight_codes(std::uint16_t point) {
  std::uint64_t codes = point;
  codes = (codes | codes << 24) & 0x000000ff000000ff;
  codes = (codes | codes << 12) & 0x000f000f000f000f;
  return (codes | codes << 6) & 0x0303030303030303;
}
/// Of a point of four.
constexpr std::uint32_t four_codes(std::uint16_t point) {
  std::uint32_t codes = point;
  codes = (codes | codes << 10) & 0x003f003f;
  return (codes | codes << 5) & 0x07070707;
}

/// Bit i of eight as the highest bit of code i.
constexpr std::uint64_t minus_codes(std::uint64_t bits) {
  const std::uint64_t apart = bits * 0x0101010101010101 & 0x8040201008040201;  // bit i of byte i
  return (apart + 0x7f7f7f7f7f7f7f7f) >> 4 & 0x0808080808080808;
}

/// Eight signs of seven: an even number is minus.
constexpr std::uint32_t with_eighth_sign(std::uint32_t seven) {
  std::uint32_t parity = seven ^ seven >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return seven | (parity & 1) << 7;
}

}  // namespace
}  // namespace yoke::kernels
