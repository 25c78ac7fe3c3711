#include "quant/random_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace yoke::quant {
namespace {

TEST(RandomBlocks, HaveTheDeviationThatIsAskedForInEveryFormatWithoutAnEncoder) {
  std::mt19937_64 random(1);
  int formats_seen = 0;
  for (const Format& format : formats()) {
    if (format.dequantize == nullptr || format.quantize != nullptr) continue;
    ++formats_seen;
    for (const float deviation : {1.0f, 0.01f}) {
      std::vector<std::byte> bytes(format.bytes(64 * 256));
      random_blocks(format, deviation, random, bytes);
      std::vector<float> values(64 * 256);
      format.dequantize(bytes, values);
      for (std::size_t first = 0; first < values.size(); first += 256) {
        double sum = 0;
        for (std::size_t i = 0; i < 256; ++i) sum += std::pow(double{values[first + i]}, 2);
        EXPECT_NEAR(std::sqrt(sum / 256) / deviation, 1, 0.02) << format.name;  // F16 rounds the scale
      }
      EXPECT_TRUE(std::any_of(values.begin(), values.end(), [](float x) { return x > 0; })) << format.name;
      EXPECT_TRUE(std::any_of(values.begin(), values.end(), [](float x) { return x < 0; })) << format.name;
    }
  }
  EXPECT_EQ(formats_seen, 9);  // IQ1 to IQ4
}

TEST(RandomBlocks, AreTheSameForASeed) {
  const Format& format = *find_format("IQ2_XS");
  std::vector<std::byte> first(format.bytes(1024)), second(format.bytes(1024));
  std::mt19937_64 one(7), other(7);
  random_blocks(format, 1, one, first);
  random_blocks(format, 1, other, second);
  EXPECT_EQ(first, second);
  random_blocks(format, 1, other, second);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace yoke::quant
