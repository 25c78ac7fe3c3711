#include "quant/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace yoke::quant {
namespace {

std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

/// The value of a finite bit pattern from the definition of a binary format.
double value_of(std::uint16_t half, int fraction_bits, int bias) {
  const int exponent = (half & 0x7fff) >> fraction_bits;
  const int fraction = half & ((1 << fraction_bits) - 1);
  const double magnitude = exponent == 0
                               ? std::ldexp(fraction, 1 - bias - fraction_bits)
                               : std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

/// A 16-bit format for the exhaustive tests below.
struct HalfFormat {
  int fraction_bits;
  int bias;
  std::uint16_t infinity;
  float (*widen)(std::uint16_t);
  std::uint16_t (*narrow)(float);
};
const HalfFormat f16{10, 15, 0x7c00, f16_to_f32, f32_to_f16};
const HalfFormat bf16{7, 127, 0x7f80, bf16_to_f32, f32_to_bf16};

void expect_widening_is_exact(const HalfFormat& format) {
  for (std::uint32_t pattern = 0; pattern <= 0xffff; ++pattern) {
    const auto half = static_cast<std::uint16_t>(pattern);
    const std::uint16_t magnitude = half & 0x7fff;
    const float widened = format.widen(half);
    ASSERT_EQ(std::signbit(widened), (half & 0x8000) != 0) << pattern;
    if (magnitude < format.infinity) {
      ASSERT_EQ(static_cast<double>(widened), value_of(half, format.fraction_bits, format.bias)) << pattern;
    } else if (magnitude == format.infinity) {
      ASSERT_TRUE(std::isinf(widened)) << pattern;
    } else {
      ASSERT_TRUE(std::isnan(widened)) << pattern;
    }
  }
}

TEST(Half, WidensEveryF16Exactly) { expect_widening_is_exact(f16); }
TEST(Half, WidensEveryBf16Exactly) { expect_widening_is_exact(bf16); }

void expect_round_trip(const HalfFormat& format) {
  for (std::uint32_t pattern = 0; pattern <= 0xffff; ++pattern) {
    const auto half = static_cast<std::uint16_t>(pattern);
    const std::uint16_t back = format.narrow(format.widen(half));
    if ((half & 0x7fff) <= format.infinity) {
      ASSERT_EQ(back, half) << pattern;
    } else {  // NaN: quiet, sign and payload kept
      ASSERT_EQ(back, half | 1 << (format.fraction_bits - 1)) << pattern;
    }
  }
}

TEST(Half, EveryF16SurvivesTheRoundTrip) { expect_round_trip(f16); }
TEST(Half, EveryBf16SurvivesTheRoundTrip) { expect_round_trip(bf16); }

/// Every place where rounding changes its mind: half-way between neighbours, and one float32 to either side.
void expect_nearest_even(const HalfFormat& format) {
  for (std::uint16_t low = 0; low < format.infinity; ++low) {
    const std::uint16_t high = low + 1;  // infinity stands for the power of two that would follow
    const double a = value_of(low, format.fraction_bits, format.bias);
    const double b = value_of(high, format.fraction_bits, format.bias);
    const double middle = (a + b) / 2;  // exact; a float32 unless below its subnormals' resolution
    const auto tie = static_cast<float>(middle);
    ASSERT_EQ(static_cast<double>(tie), middle) << low;
    const std::uint16_t even = low % 2 == 0 ? low : high;
    ASSERT_EQ(format.narrow(tie), even) << low;
    ASSERT_EQ(format.narrow(std::nextafter(tie, 0.0f)), low) << low;
    ASSERT_EQ(format.narrow(std::nextafter(tie, std::numeric_limits<float>::infinity())), high) << low;
    ASSERT_EQ(format.narrow(-tie), even | 0x8000) << low;
  }
}

TEST(Half, NarrowsToTheNearestF16TiesToEven) { expect_nearest_even(f16); }
TEST(Half, NarrowsToTheNearestBf16TiesToEven) { expect_nearest_even(bf16); }

TEST(Half, RandomFloatsLandBetweenTheirNeighbours) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(x)) continue;
    for (const HalfFormat& format : {f16, bf16}) {
      const std::uint16_t half = format.narrow(x);
      const std::uint16_t magnitude = half & 0x7fff;
      ASSERT_EQ((half & 0x8000) != 0, std::signbit(x)) << bits_of(x);
      ASSERT_LE(magnitude, format.infinity) << bits_of(x);
      const double size = std::abs(static_cast<double>(x));
      const double error = std::abs(size - value_of(magnitude, format.fraction_bits, format.bias));
      if (magnitude > 0) {
        const double below = value_of(magnitude - 1, format.fraction_bits, format.bias);
        ASSERT_LE(error, std::abs(size - below)) << bits_of(x);
      }
      if (magnitude < format.infinity) {
        const double above = value_of(magnitude + 1, format.fraction_bits, format.bias);
        ASSERT_LE(error, std::abs(size - above)) << bits_of(x);
      }
    }
  }
}

TEST(Half, SpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(f32_to_f16(infinity), 0x7c00);
  EXPECT_EQ(f32_to_f16(-infinity), 0xfc00);
  EXPECT_EQ(f32_to_f16(65504.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
  EXPECT_EQ(f32_to_bf16(infinity), 0x7f80);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  // A NaN whose payload sits only in bits that are cut off must not become infinity.
  EXPECT_EQ(f32_to_f16(std::bit_cast<float>(0x7f800001u)), 0x7e00);
  EXPECT_EQ(f32_to_f16(std::bit_cast<float>(0xff800001u)), 0xfe00);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x7f800001u)), 0x7fc0);
  EXPECT_EQ(bits_of(f16_to_f32(0x7c01)), 0x7fc02000u);
}

}  // namespace
}  // namespace yoke::quant
