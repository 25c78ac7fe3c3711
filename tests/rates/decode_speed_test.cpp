#include "rates/decode_speed.h"

#include <gtest/gtest.h>

#include <limits>

namespace yoke::rates {
namespace {

constexpr std::uint64_t plenty = std::numeric_limits<std::uint64_t>::max();

TEST(DecodeSpeed, IsMeasuredOfFormatsThatAreMultiplied) {
  const auto speed = measure_decode_speed(quant::Type::q4_0, plenty, 1);
  if (!speed) GTEST_SKIP() << "too little memory is free";
  EXPECT_GT(*speed, 1e7);
  EXPECT_LT(*speed, 1e13);
  EXPECT_EQ(measure_decode_speed(quant::Type::i32, plenty, 1), std::nullopt);
}

TEST(DecodeSpeed, IsNoneOfAModelThatAnyMachineReadsAtOnce) {
  EXPECT_EQ(measure_decode_speed(quant::Type::q4_0, 1 << 20, 1), std::nullopt);
}

}  // namespace
}  // namespace yoke::rates
