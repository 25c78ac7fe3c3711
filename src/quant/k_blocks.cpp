#include "quant/k_blocks.h"

#include <cstddef>

#include "quant/half.h"

namespace yoke::quant {
namespace {

/// Bits 2·(i / 32 % 4) and on of the byte that BlockQ2_K, BlockQ3_K and BlockQ6_K keep for value i.
int two_bits(const std::uint8_t (&bytes)[64], std::size_t i) {
  return bytes[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4)) & 3;
}

/// The half of the byte that BlockQ4_K and BlockQ5_K keep for value i.
int four_bits(const std::uint8_t (&bytes)[128], std::size_t i) {
  return bytes[i / 64 * 32 + i % 32] >> (4 * (i / 32 % 2)) & 0xf;
}

/// The one bit that BlockQ3_K and BlockQ5_K keep for value i.
int high_bit(const std::uint8_t (&bytes)[32], std::size_t i) { return bytes[i % 32] >> (i / 32) & 1; }

int scale_of(const BlockQ3_K& block, std::size_t sub) {
  const int low = block.scales[sub % 8] >> (4 * (sub / 8)) & 0xf;
  const int high = block.scales[8 + sub % 4] >> (2 * (sub / 4)) & 3;
  return (low | high << 4) - 32;
}

int scale_of(const ScalesAndMins& packed, std::size_t sub) {
  if (sub < 4) return packed.bytes[sub] & 63;
  return (packed.bytes[sub + 4] & 0xf) | packed.bytes[sub - 4] >> 6 << 4;
}

int min_of(const ScalesAndMins& packed, std::size_t sub) {
  if (sub < 4) return packed.bytes[sub + 4] & 63;
  return packed.bytes[sub + 4] >> 4 | packed.bytes[sub] >> 6 << 4;
}

}  // namespace

void decode(const BlockQ2_K& block, std::span<float, BlockQ2_K::values> out) {
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float scale = d * static_cast<float>(block.scales[i / 16] & 0xf);
    const float min = dmin * static_cast<float>(block.scales[i / 16] >> 4);
    out[i] = scale * static_cast<float>(two_bits(block.q, i)) - min;
  }
}

void decode(const BlockQ3_K& block, std::span<float, BlockQ3_K::values> out) {
  const float d = f16_to_f32(block.d);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float scale = d * static_cast<float>(scale_of(block, i / 16));
    const int q = two_bits(block.q, i) | high_bit(block.high, i) << 2;
    out[i] = scale * static_cast<float>(q - 4);
  }
}

void decode(const BlockQ4_K& block, std::span<float, BlockQ4_K::values> out) {
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float scale = d * static_cast<float>(scale_of(block.scales, i / 32));
    const float min = dmin * static_cast<float>(min_of(block.scales, i / 32));
    out[i] = scale * static_cast<float>(four_bits(block.q, i)) - min;
  }
}

void decode(const BlockQ5_K& block, std::span<float, BlockQ5_K::values> out) {
  const float d = f16_to_f32(block.d);
  const float dmin = f16_to_f32(block.dmin);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float scale = d * static_cast<float>(scale_of(block.scales, i / 32));
    const float min = dmin * static_cast<float>(min_of(block.scales, i / 32));
    const int q = four_bits(block.q, i) | high_bit(block.high, i) << 4;
    out[i] = scale * static_cast<float>(q) - min;
  }
}

void decode(const BlockQ6_K& block, std::span<float, BlockQ6_K::values> out) {
  const float d = f16_to_f32(block.d);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t sub = i / 16;
    const float scale = d * static_cast<float>(block.scales[sub]);
    const int low = block.low[i / 128 * 64 + i % 64] >> (4 * (i / 64 % 2)) & 0xf;
    out[i] = scale * static_cast<float>((low | two_bits(block.high, i) << 4) - 32);
  }
}

}  // namespace yoke::quant
