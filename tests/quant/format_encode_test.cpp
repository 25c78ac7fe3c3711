#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "quant/format.h"
#include "quant/half.h"

namespace yoke::quant {
namespace {

/// What the plain encoder of a format does: its sub-blocks, the range of its codes, the range of the scales
/// that a super-block stores (0..0 where the scale is an f16 by itself), and which offsets it has.
struct Plan {
  Type type;
  std::size_t block, sub;
  int low, high;
  int scale_low, scale_high;
  enum { none, any, not_positive } offset;
};

const Plan plans[] = {
    {Type::q4_1, 32, 32, 0, 15, 0, 0, Plan::any},
    {Type::q5_0, 32, 32, -16, 15, 0, 0, Plan::none},
    {Type::q5_1, 32, 32, 0, 31, 0, 0, Plan::any},
    {Type::q2_k, 256, 16, 0, 3, 0, 15, Plan::not_positive},
    {Type::q3_k, 256, 16, -4, 3, -32, 31, Plan::none},
    {Type::q4_k, 256, 32, 0, 15, 0, 63, Plan::not_positive},
    {Type::q5_k, 256, 32, 0, 31, 0, 63, Plan::not_positive},
    {Type::q6_k, 256, 16, -32, 31, -128, 127, Plan::none},
};

const Type encoded_types[] = {Type::q8_0, Type::q4_0, Type::q4_1, Type::q5_0, Type::q5_1, Type::q2_k,
                              Type::q3_k, Type::q4_k, Type::q5_k, Type::q6_k, Type::mxfp4};

using Values = std::vector<float>;

std::vector<std::byte> encoded(Type type, const Values& x) {
  std::vector<std::byte> blocks(format(type).bytes(static_cast<std::int64_t>(x.size())));
  format(type).quantize(x, blocks);
  return blocks;
}

Values round_trip(Type type, const Values& x) {
  Values back(x.size());
  format(type).dequantize(encoded(type, x), back);
  return back;
}

float rounded_to_f16(double x) { return f16_to_f32(f32_to_f16(static_cast<float>(x))); }

double rounded_to(double x, int low, int high) {
  return std::isfinite(x) ? std::clamp(std::nearbyint(x), double(low), double(high)) : 0;
}

/// A sub-block's scale and offset from its ends: code 0 (or the lowest) stands for one end, and the highest
/// for the other.
struct Ends {
  double scale, offset;
};
Ends ends_of(const Plan& plan, const float* x) {
  const auto [lowest, highest] = std::minmax_element(x, x + plan.sub);
  if (plan.offset == Plan::none) {
    const auto less = [](float a, float b) { return std::abs(a) < std::abs(b); };
    return {double{*std::max_element(x, x + plan.sub, less)} / plan.low, 0};  // the first of several
  }
  const double start = plan.offset == Plan::any ? *lowest : std::min(*lowest, 0.0f);
  return {(*highest - start) / plan.high, start};
}

/// What the plain encoder makes of one block.
Values plain_round_trip(const Plan& plan, const float* x) {
  const std::size_t subs = plan.block / plan.sub;
  std::vector<Ends> ends;
  double widest = 0;  // scale, with its sign
  double deepest = 0;
  for (std::size_t sub = 0; sub < subs; ++sub) {
    ends.push_back(ends_of(plan, x + sub * plan.sub));
    if (std::abs(ends[sub].scale) > std::abs(widest)) widest = ends[sub].scale;
    deepest = std::max(deepest, -ends[sub].offset);
  }
  const double d = rounded_to_f16(widest / (plan.scale_low != 0 ? plan.scale_low : plan.scale_high));
  const double dmin = rounded_to_f16(deepest / plan.scale_high);
  Values back(plan.block);
  for (std::size_t i = 0; i < plan.block; ++i) {
    double scale = rounded_to_f16(ends[i / plan.sub].scale);
    double offset = rounded_to_f16(ends[i / plan.sub].offset);
    if (plan.scale_high != 0) {
      scale = d * rounded_to(ends[i / plan.sub].scale / d, plan.scale_low, plan.scale_high);
      offset = -dmin * rounded_to(-ends[i / plan.sub].offset / dmin, 0, plan.scale_high);
    }
    back[i] = static_cast<float>(scale * rounded_to((x[i] - offset) / scale, plan.low, plan.high) + offset);
  }
  return back;
}

/// Mean square error, each value counting 1 + |x| / (root mean square).
double weighted_error(const float* x, const float* back, std::size_t n) {
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i) squares += double{x[i]} * x[i];
  const double mean = std::sqrt(squares / static_cast<double>(n));
  double error = 0;
  double weights = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double weight = mean > 0 ? 1 + std::abs(x[i]) / mean : 1;
    error += weight * std::pow(double{x[i]} - back[i], 2);
    weights += weight;
  }
  return error / weights;
}

double mean_square_error(const Values& x, const Values& back) {
  double error = 0;
  for (std::size_t i = 0; i < x.size(); ++i) error += std::pow(double{x[i]} - back[i], 2);
  return error / static_cast<double>(x.size());
}

struct Sample {
  std::string name;
  Values x;
};

/// Values of many kinds, 64 super-blocks each.
std::vector<Sample> samples() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::student_t_distribution<float> heavy(3);
  const auto drawn = [&](const std::string& name, auto draw) {
    Sample sample{name, Values(64 * 256)};
    for (float& x : sample.x) x = draw();
    return sample;
  };
  std::vector<Sample> all{
      drawn("gaussian", [&] { return normal(random); }),
      drawn("uniform", [&] { return uniform(random); }),
      drawn("heavy tails", [&] { return heavy(random); }),
      drawn("outliers", [&] { return normal(random) * (random() % 32 == 0 ? 50.0f : 1.0f); }),
      drawn("positive", [&] { return std::abs(normal(random)) + 1e-3f; }),
      drawn("negative", [&] { return -std::abs(normal(random)) - 1e-3f; }),
      drawn("far from zero", [&] { return 1000 + uniform(random); }),
      drawn("few values", [&] { return std::round(normal(random) * 2); }),
      drawn("mostly zero", [&] { return random() % 16 == 0 ? normal(random) : 0.0f; })};
  Sample rows{"every row its own scale", all.front().x};
  for (std::size_t i = 0; i < rows.x.size(); ++i) rows.x[i] *= std::ldexp(1.0f, static_cast<int>(i / 16 % 8));
  all.push_back(rows);
  return all;
}

TEST(FormatEncode, IsNeverFartherOffThanThePlainEncoder) {
  for (const Sample& sample : samples()) {
    for (const float size : {1.0f, 0.02f}) {
      Values x = sample.x;
      for (float& value : x) value *= size;
      for (const Plan& plan : plans) {
        const Values back = round_trip(plan.type, x);
        double sum = 0;
        double plain_sum = 0;
        for (std::size_t at = 0; at < x.size(); at += plan.block) {
          const Values plain = plain_round_trip(plan, &x[at]);
          const double error = weighted_error(&x[at], &back[at], plan.block);
          const double plain_error = weighted_error(&x[at], plain.data(), plan.block);
          ASSERT_LE(error, plain_error * 1.0001)  // both are sums of float32 roundings
              << format(plan.type).name << ' ' << sample.name << ' ' << size << " at " << at;
          sum += error;
          plain_sum += plain_error;
        }
        if (sample.name == "gaussian") {
          EXPECT_LT(sum, 0.95 * plain_sum) << format(plan.type).name << ": the search finds nothing";
        }
      }
    }
  }
}

/// The farthest that the plain encoder can be from a value of a block: half a step (a whole one where the
/// range of codes is one short on the other side), and what rounding the scales and offsets to the
/// super-block's whole numbers and to f16 (11 bits, or a whole number of 2^-24) adds.
double farthest(const Plan& plan, const float* x) {
  const auto [lowest, highest] = std::minmax_element(x, x + plan.block);
  const double depth = plan.offset == Plan::none ? 0 : std::abs(std::min(double{*lowest}, 0.0));
  const double start = plan.offset == Plan::any ? *lowest : -depth;
  const double range = plan.offset == Plan::none ? std::max(-double{*lowest}, double{*highest})
                                                 : std::max(*highest - start, 0.0);
  const double codes = std::max(-plan.low, plan.high);
  const double scales = std::max({-plan.scale_low, plan.scale_high, 1});
  const double step = range / codes;
  double bound = plan.offset == Plan::none ? step : step / 2;
  if (plan.scale_high != 0) bound += (range + depth) / (2 * scales);
  const double offset = plan.offset == Plan::any ? std::abs(start) : depth;
  return bound + (range + offset) * 0x1p-11 * 1.5 + 0x1p-25 * scales * (codes + 1);
}

TEST(FormatEncode, StaysWithinTheStepOfTheFormat) {
  for (const Sample& sample : samples()) {
    for (const float size : {1.0f, 60.0f, 1e-2f, 1e-5f, 1e-7f, 1e-20f, 1e-38f, 1e-42f}) {
      Values x = sample.x;
      for (float& value : x) value *= size;
      for (const Plan& plan : plans) {
        const Values back = round_trip(plan.type, x);
        for (std::size_t at = 0; at < x.size(); at += plan.block) {
          ASSERT_LE(std::sqrt(weighted_error(&x[at], &back[at], plan.block)), farthest(plan, &x[at]))
              << format(plan.type).name << ' ' << sample.name << ' ' << size << " at " << at;
        }
      }
    }
  }
}

TEST(FormatEncode, OneBitMoreIsAnErrorSeveralTimesSmaller) {
  const Values x = samples().front().x;
  const auto error = [&x](Type type) { return mean_square_error(x, round_trip(type, x)); };
  // Halving the step quarters the error; less is left of that where the scales cost bits, too.
  for (const auto& [finer, coarser] : {std::pair{Type::q3_k, Type::q2_k},
                                       {Type::q4_k, Type::q3_k},
                                       {Type::q5_k, Type::q4_k},
                                       {Type::q6_k, Type::q5_k},
                                       {Type::q8_0, Type::q6_k},
                                       {Type::q5_0, Type::q4_0},
                                       {Type::q5_1, Type::q4_1}}) {
    EXPECT_LT(error(finer), error(coarser) / 2) << format(finer).name << ", " << format(coarser).name;
  }
  EXPECT_LT(error(Type::q4_k), error(Type::q4_0));
  EXPECT_LT(error(Type::q4_0), error(Type::mxfp4));
}

TEST(FormatEncode, ZerosStayZeros) {
  const Values zeros(512);
  for (const Type type : encoded_types) EXPECT_EQ(round_trip(type, zeros), zeros) << format(type).name;
}

TEST(FormatEncode, AConstantIsKeptToF16) {
  for (const Type type : encoded_types) {
    if (type == Type::mxfp4) continue;  // it has no such scale
    for (const float size : {1.0f, 1.0009765f, 3.3f, 1000.3f, 20000.7f}) {
      for (const float constant : {size, -size}) {
        for (const float found : round_trip(type, Values(256, constant))) {
          ASSERT_NEAR(found, constant, size * 0x1p-10) << format(type).name;
        }
      }
    }
  }
}

TEST(FormatEncode, AnOutlierAloneIsKept) {
  for (const Type type : encoded_types) {
    Values x(256);
    for (const float outlier : {100.0f, -100.0f}) {
      x[77] = outlier;
      const Values back = round_trip(type, x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        // MXFP4 has 96 and 128.
        ASSERT_NEAR(back[i], x[i], type == Type::mxfp4 ? 4.0f : 0.1f) << format(type).name << ' ' << i;
      }
    }
  }
}

TEST(FormatEncode, AScaleBeyondF16ShowsAsInfinitiesOrNans) {
  const float largest = std::numeric_limits<float>::max();
  for (const Type type : encoded_types) {
    for (const float size : {1e9f, 1e30f, largest}) {
      Values x(512);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 3 == 0 ? size : i % 3 == 1 ? -size / 2 : 1.0f;
      EXPECT_EQ(encoded(type, x), encoded(type, x)) << format(type).name;
      const Values back = round_trip(type, x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (type == Type::mxfp4) {  // its scale has all of float32's exponents
          ASSERT_NEAR(back[i], x[i], size / 4) << format(type).name;
        } else if (i % 3 == 0) {
          ASSERT_FALSE(std::isfinite(back[i])) << format(type).name << ' ' << size;
        }
      }
    }
  }
}

/// Values that a format can store and whose sub-blocks reach both ends of the codes, under scales and minima
/// that reach the ends of theirs.
Values storable(const Plan& plan, std::mt19937& random) {
  const auto within = [&random](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  const float d = rounded_to_f16(std::ldexp(1 + within(0, 1023) / 1024.0, within(-10, 3)));
  const float dmin = rounded_to_f16(std::ldexp(1 + within(0, 1023) / 1024.0, within(-10, 3)));
  Values x(plan.block);
  for (std::size_t sub = 0; sub < plan.block / plan.sub; ++sub) {
    float scale = d;
    float min = plan.offset == Plan::any ? dmin : 0;
    if (plan.scale_high != 0) {
      const int end = plan.scale_low != 0 ? plan.scale_low : plan.scale_high;
      const int code = sub == 3 ? end : within(1, plan.scale_high);
      scale = d * static_cast<float>(code);
      const int min_code = sub == 5 ? plan.scale_high : within(0, plan.scale_high);
      if (plan.offset == Plan::not_positive) min = dmin * static_cast<float>(min_code);
    }
    for (std::size_t i = 0; i < plan.sub; ++i) {
      const int code = i == 3 ? plan.low : i == 7 ? plan.high : within(plan.low, plan.high);
      x[sub * plan.sub + i] = scale * static_cast<float>(code) - min;
    }
  }
  return x;
}

TEST(FormatEncode, WhatTheFormatCanStoreComesBackBitForBit) {
  std::mt19937 random(8);
  for (const Plan& plan : plans) {
    for (int i = 0; i < 200; ++i) {
      const Values x = storable(plan, random);
      ASSERT_EQ(round_trip(plan.type, x), x) << format(plan.type).name << ' ' << i;
    }
  }
}

/// Nearest of MXFP4's values, as the specification's conversion has it: the exponent that brings the largest
/// value's leading bit to that of the largest code.
Values specified_mxfp4(const float* x) {
  const double halves[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  double largest = 0;
  for (std::size_t i = 0; i < 32; ++i) largest = std::max(largest, std::abs(double{x[i]}));
  const double scale = largest > 0 ? std::exp2(std::max(std::floor(std::log2(largest)) - 2, -127.0)) : 1;
  Values back(32);
  for (std::size_t i = 0; i < 32; ++i) {
    double nearest = 0;
    for (const double value : halves) {
      if (std::abs(std::abs(x[i]) - value * scale) < std::abs(std::abs(x[i]) - nearest))
        nearest = value * scale;
    }
    back[i] = static_cast<float>(std::copysign(nearest, x[i]));
  }
  return back;
}

TEST(FormatEncode, Mxfp4IsNeverFartherOffThanTheSpecification) {
  for (const Sample& sample : samples()) {
    for (const float size : {1.0f, 1e30f, 1e-20f, 1e-38f, 1e-42f}) {
      Values x = sample.x;
      for (float& value : x) value *= size;
      const Values back = round_trip(Type::mxfp4, x);
      for (std::size_t at = 0; at < x.size(); at += 32) {
        const Values specified = specified_mxfp4(&x[at]);
        ASSERT_LE(weighted_error(&x[at], &back[at], 32),
                  weighted_error(&x[at], specified.data(), 32) * 1.0001)
            << sample.name << ' ' << size << " at " << at;
      }
    }
  }
}

TEST(FormatEncode, Mxfp4ValuesComeBackBitForBit) {
  std::mt19937 random(9);
  const float halves[] = {0, 1, 2, 3, 4, 6, 8, 12};
  for (int e = -120; e < 120; e += 7) {
    Values x(32);
    for (float& value : x) value = std::ldexp(halves[random() % 8], e) * (random() % 2 == 0 ? 1.0f : -1.0f);
    x[3] = std::ldexp(12.0f, e);
    x[4] = std::ldexp(1.0f, e);
    EXPECT_EQ(round_trip(Type::mxfp4, x), x) << e;
  }
}

}  // namespace
}  // namespace yoke::quant
