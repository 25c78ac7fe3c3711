#include "quant/blocks.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "quant/half.h"

namespace yoke::quant {
namespace {

using Values = std::array<float, 32>;

/// Q8_0 and Q4_0 from their definitions, on each value by itself, in double where that cannot change the
/// result. float32 is kept where the definition rounds: the scale and its inverse.
std::array<std::uint8_t, 34> naive_q8_0(const Values& x) {
  float largest = 0;
  for (const float v : x) largest = std::fabs(v) > largest ? std::fabs(v) : largest;
  const float d = largest / 127;
  const float inverse = d > 0 ? 1 / d : 0;
  std::array<std::uint8_t, 34> out{};
  const std::uint16_t scale = f32_to_f16(d);
  out[0] = static_cast<std::uint8_t>(scale & 0xff);
  out[1] = static_cast<std::uint8_t>(scale >> 8);
  for (std::size_t i = 0; i < 32; ++i) {
    const float scaled = x[i] * inverse;
    const double rounded = scaled < 0 ? std::ceil(scaled - 0.5) : std::floor(scaled + 0.5);
    out[2 + i] = static_cast<std::uint8_t>(static_cast<int>(rounded) & 0xff);
  }
  return out;
}

std::array<std::uint8_t, 18> naive_q4_0(const Values& x) {
  std::size_t at = 0;
  for (std::size_t i = 1; i < 32; ++i) {
    if (std::fabs(x[i]) > std::fabs(x[at])) at = i;
  }
  const float d = x[at] / -8;
  const float inverse = d != 0 ? 1 / d : 0;
  std::array<std::uint8_t, 18> out{};
  const std::uint16_t scale = f32_to_f16(d);
  out[0] = static_cast<std::uint8_t>(scale & 0xff);
  out[1] = static_cast<std::uint8_t>(scale >> 8);
  for (std::size_t i = 0; i < 32; ++i) {
    const float shifted = x[i] * inverse + 8.5f;
    const int quant = std::min(static_cast<int>(std::floor(shifted)), 15);
    out[2 + i % 16] = static_cast<std::uint8_t>(out[2 + i % 16] | (i < 16 ? quant : quant << 4));
  }
  return out;
}

template <class Block>
std::array<std::uint8_t, sizeof(Block)> encoded(const Values& x) {
  Block block;
  encode(std::span<const float, 32>(x), block);
  std::array<std::uint8_t, sizeof(Block)> bytes{};
  std::memcpy(bytes.data(), &block, sizeof(Block));
  return bytes;
}

/// Blocks of many magnitudes: normal values, outliers, few distinct values (ties), zeros.
Values random_block(std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::uniform_int_distribution<int> exponent(-30, 10);
  const float scale = std::ldexp(1.0f, exponent(random));
  const int kind = static_cast<int>(random() % 4);
  Values x{};
  for (float& v : x) {
    v = normal(random) * scale;
    if (kind == 1) v = std::round(normal(random) * 4) * scale;
    if (kind == 2 && random() % 8 != 0) v = 0;
  }
  if (kind == 3) x[random() % 32] *= 100;
  return x;
}

TEST(Blocks, Q8_0EncodesAsTheNaiveDefinition) {
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i) {
    const Values x = random_block(random);
    ASSERT_EQ(encoded<BlockQ8_0>(x), naive_q8_0(x)) << "block " << i;
  }
}

TEST(Blocks, Q4_0EncodesAsTheNaiveDefinition) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    const Values x = random_block(random);
    ASSERT_EQ(encoded<BlockQ4_0>(x), naive_q4_0(x)) << "block " << i;
  }
}

TEST(Blocks, ByHand) {
  Values x{};
  x[0] = 127;
  x[1] = -63.5f;  // half-way: away from zero
  x[31] = 1;
  BlockQ8_0 q8;
  encode(std::span<const float, 32>(x), q8);
  EXPECT_EQ(f16_to_f32(q8.d), 1.0f);
  EXPECT_EQ(q8.q[0], 127);
  EXPECT_EQ(q8.q[1], -64);
  EXPECT_EQ(q8.q[2], 0);
  EXPECT_EQ(q8.q[31], 1);

  Values y{};
  y[0] = 8;    // the extreme is positive, so the scale is negative
  y[15] = -8;  // would be 16, is held at 15
  y[16] = 3;
  BlockQ4_0 q4;
  encode(std::span<const float, 32>(y), q4);
  EXPECT_EQ(f16_to_f32(q4.d), -1.0f);
  EXPECT_EQ(q4.q[0], 0x50);  // value 0 low: 0; value 16 high: 8 - 3
  EXPECT_EQ(q4.q[15], 0x8f);
  Values back{};
  decode(q4, std::span<float, 32>(back));
  EXPECT_EQ(back[0], 8);
  EXPECT_EQ(back[15], -7);
  EXPECT_EQ(back[16], 3);
  EXPECT_EQ(back[17], 0);
}

TEST(Blocks, ZerosAndValuesTooSmallForTheScaleBecomeZeros) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (const float value : {0.0f, tiny, -tiny, 1e-39f, 1e-38f}) {
    Values x{};
    x[3] = value;
    BlockQ8_0 q8;
    BlockQ4_0 q4;
    encode(std::span<const float, 32>(x), q8);
    encode(std::span<const float, 32>(x), q4);
    Values back{};
    decode(q8, std::span<float, 32>(back));
    for (const float v : back) EXPECT_EQ(v, 0.0f) << value;
    decode(q4, std::span<float, 32>(back));
    for (const float v : back) EXPECT_EQ(v, 0.0f) << value;
  }
}

}  // namespace
}  // namespace yoke::quant
