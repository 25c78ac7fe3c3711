#include "model/rope_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace yoke::model {
namespace {

RopeConfig rope_of(std::int64_t dims) {
  RopeConfig rope;
  rope.dims = dims;
  return rope;
}

TEST(RopeSpec, PlainFrequenciesFallGeometrically) {
  const ops::RopeSpec spec = rope_spec(rope_of(64), ops::RopeStyle::interleaved, {});
  ASSERT_EQ(spec.frequencies.size(), 32);
  EXPECT_DOUBLE_EQ(spec.frequencies[0], 1);
  EXPECT_NEAR(spec.frequencies[16], 0.01, 1e-12);  // 10000^(-32/64)
  EXPECT_EQ(spec.magnitude, 1);
}

TEST(RopeSpec, ALogMultiplierScalesScoresInPlaceOfTheMagnitude) {
  // DeepSeek-V3: a factor of 40 and mscale 1, hence (0.1·ln 40 + 1)² on scores.
  RopeConfig rope = rope_of(64);
  rope.scaling = RopeScaling::yarn;
  rope.factor = 40;
  rope.original_context = 4096;
  EXPECT_DOUBLE_EQ(rope.score_magnitude(), 1);
  EXPECT_NEAR(rope_spec(rope, ops::RopeStyle::interleaved, {}).magnitude, 1.36888795, 1e-7);
  rope.log_multiplier = 0.1;
  EXPECT_NEAR(rope.score_magnitude(), 1.36888795, 1e-7);
  EXPECT_EQ(rope_spec(rope, ops::RopeStyle::interleaved, {}).magnitude, 1);
}

TEST(RopeSpec, FactorsDivideTheFrequencies) {
  const ops::RopeSpec plain = rope_spec(rope_of(8), ops::RopeStyle::interleaved, {});
  const ops::RopeSpec scaled = rope_spec(rope_of(8), ops::RopeStyle::interleaved, {1, 2, 4, 8});
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_DOUBLE_EQ(scaled.frequencies[i], plain.frequencies[i] / std::exp2(static_cast<double>(i)));
  }
}

TEST(RopeSpec, LinearScalingDividesEveryFrequency) {
  RopeConfig config = rope_of(8);
  config.scaling = RopeScaling::linear;
  config.factor = 4;
  const ops::RopeSpec plain = rope_spec(rope_of(8), ops::RopeStyle::interleaved, {});
  const ops::RopeSpec scaled = rope_spec(config, ops::RopeStyle::interleaved, {});
  for (std::size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(scaled.frequencies[i], plain.frequencies[i] / 4);
  EXPECT_EQ(scaled.magnitude, 1);
}

TEST(RopeSpec, YarnFollowsThePaper) {
  // "NTK-by-parts" with α = 1 and β = 32: r = L·θ/2π turns; pairs with r > β stay, r < α are divided by s.
  // The reference implementation rounds the borders of the ramp to whole pairs, so only pairs outside a
  // pair's width of them are compared.
  RopeConfig config = rope_of(128);
  config.scaling = RopeScaling::yarn;
  config.factor = 16;
  config.original_context = 4096;
  const ops::RopeSpec plain = rope_spec(rope_of(128), ops::RopeStyle::interleaved, {});
  const ops::RopeSpec yarn = rope_spec(config, ops::RopeStyle::interleaved, {});
  int kept = 0;
  int divided = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    const double turns_of_next =
        4096 * plain.frequencies[std::min<std::size_t>(i + 1, 63)] / (2 * std::numbers::pi);
    const double turns_of_last = 4096 * plain.frequencies[i == 0 ? 0 : i - 1] / (2 * std::numbers::pi);
    if (turns_of_next > 32) {
      EXPECT_DOUBLE_EQ(yarn.frequencies[i], plain.frequencies[i]) << i;
      ++kept;
    } else if (turns_of_last < 1) {
      EXPECT_NEAR(yarn.frequencies[i], plain.frequencies[i] / 16, 1e-15) << i;
      ++divided;
    } else {
      EXPECT_LE(yarn.frequencies[i], plain.frequencies[i]) << i;
      EXPECT_GE(yarn.frequencies[i], plain.frequencies[i] / 16) << i;
    }
  }
  EXPECT_GT(kept, 10);
  EXPECT_GT(divided, 10);
  EXPECT_FLOAT_EQ(yarn.magnitude, static_cast<float>(0.1 * std::log(16.0) + 1));
}

}  // namespace
}  // namespace yoke::model
