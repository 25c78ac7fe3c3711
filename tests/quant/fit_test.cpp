#include "quant/fit.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>

namespace yoke::quant {
namespace {

using Values = std::array<float, 32>;

Values gaussian(std::mt19937& random) {
  std::normal_distribution<float> normal;
  Values x{};
  for (float& v : x) v = normal(random);
  return x;
}

/// The error of a line, from its definition.
double naive_error(double scale, double offset, const Values& x, const Values& weights, Codes codes) {
  double error = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    double least = std::numeric_limits<double>::infinity();
    for (int q = codes.low; q <= codes.high; ++q)
      least = std::min(least, std::abs(x[i] - (scale * q + offset)));
    error += weights[i] * least * least;
  }
  return error;
}

TEST(Fit, WeightsGrowWithTheValueFromOne) {
  const Values x{3, -4};
  Values weights{};
  weigh(x, weights);
  const double mean = std::sqrt(25.0 / 32);
  EXPECT_FLOAT_EQ(weights[0], static_cast<float>(1 + 3 / mean));
  EXPECT_FLOAT_EQ(weights[1], static_cast<float>(1 + 4 / mean));
  EXPECT_EQ(weights[2], 1);
  weigh(Values{}, weights);
  for (const float w : weights) EXPECT_EQ(w, 1);
}

TEST(Fit, CodesAreNearestAndHeldInTheirRange) {
  const Codes codes{-4, 3};
  EXPECT_EQ(nearest_code(1.4f, codes), 1);
  EXPECT_EQ(nearest_code(1.5f, codes), 2);
  EXPECT_EQ(nearest_code(-2.6f, codes), -3);
  EXPECT_EQ(nearest_code(1e30f, codes), 3);
  EXPECT_EQ(nearest_code(-std::numeric_limits<float>::infinity(), codes), -4);
  EXPECT_EQ(nearest_code(std::numeric_limits<float>::quiet_NaN(), codes), -4);
}

TEST(Fit, TheErrorOfALineIsThatOfTheNearestCodes) {
  std::mt19937 random(1);
  for (int i = 0; i < 100; ++i) {
    const Values x = gaussian(random);
    Values weights{};
    weigh(x, weights);
    const double expected = naive_error(0.3, -0.5, x, weights, {-2, 5});
    EXPECT_NEAR(error_on({0.3f, -0.5f}, x, weights, {-2, 5}), expected, 1e-5 * expected);
  }
}

/// Against a search over many more scales than fit_scale tries.
TEST(Fit, TheScaleIsAboutTheBestThereIs) {
  std::mt19937 random(2);
  double found = 0;
  double best = 0;
  double plain = 0;
  for (int i = 0; i < 200; ++i) {
    const Values x = gaussian(random);
    Values weights{};
    weigh(x, weights);
    const Codes codes{-4, 3};
    const float start = plain_scale(x, codes);
    double least = std::numeric_limits<double>::infinity();
    for (double factor = 0.5; factor < 1.5; factor += 0.002) {
      for (const double sign : {1, -1}) {
        least = std::min(least, naive_error(sign * factor * start, 0, x, weights, codes));
      }
    }
    best += least;
    plain += naive_error(start, 0, x, weights, codes);
    found += naive_error(fit_scale(x, weights, codes), 0, x, weights, codes);
  }
  EXPECT_LT(found, best + 0.2 * (plain - best)) << "best " << best << ", plain " << plain;
}

TEST(Fit, LinesThatAreThereAreFound) {
  std::mt19937 random(3);
  for (const Offsets offsets : {Offsets::any, Offsets::not_positive}) {
    for (int i = 0; i < 100; ++i) {
      const float offset = offsets == Offsets::any && i % 2 == 0 ? 1.5f : -1.5f;
      Values x{};
      for (float& v : x) v = 0.25f * static_cast<float>(random() % 16) + offset;
      x[5] = offset;
      x[9] = 0.25f * 15 + offset;
      Values weights{};
      weigh(x, weights);
      const Line line = fit_line(x, weights, 15, offsets);
      EXPECT_NEAR(line.scale, 0.25f, 1e-5);
      EXPECT_NEAR(line.offset, offset, 1e-5);
    }
  }
}

TEST(Fit, OffsetsThatMustNotBePositiveAreNot) {
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    Values x = gaussian(random);
    for (float& v : x) v = i % 2 == 0 ? std::abs(v) : v + 1;
    Values weights{};
    weigh(x, weights);
    const Line line = fit_line(x, weights, 3, Offsets::not_positive);
    EXPECT_LE(line.offset, 0);
    EXPECT_GE(line.scale, 0);
  }
}

}  // namespace
}  // namespace yoke::quant
