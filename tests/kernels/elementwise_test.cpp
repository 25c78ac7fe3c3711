#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "support.h"

namespace yoke::kernels {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// |found − exact| in units of the last place of an F32 as large as `exact`.
double ulps(float found, double exact) {
  if (found == static_cast<float>(exact)) return 0;
  const int exponent = std::max(std::ilogb(exact), -126);
  return std::abs(found - exact) / std::ldexp(1.0, exponent - 23);
}

std::vector<float> exp_of(const Kernels& kernels, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  kernels.exp(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  return y;
}

/// Floats of every exponent and sign, evenly over their bit patterns; NaNs and infinities among them.
std::vector<float> floats_of_every_size() {
  std::vector<float> values;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 40'009) {
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  return values;
}

TEST(Exp, IsWithinTwoUnitsInTheLastPlace) {
  std::vector<float> x = floats_of_every_size();
  for (float value = -104.5f; value < 89.0f; value += 0.000731f) x.push_back(value);
  for (const Kernels* kernels : available()) {
    const std::vector<float> y = exp_of(*kernels, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i])) {
        ASSERT_TRUE(std::isnan(y[i])) << kernels->isa;
      } else if (const double exact = std::exp(double{x[i]}); exact > std::numeric_limits<float>::max()) {
        ASSERT_EQ(y[i], infinity) << kernels->isa << ' ' << x[i];
      } else {
        ASSERT_LE(ulps(y[i], exact), 2.0) << kernels->isa << ' ' << x[i] << ": " << y[i] << ", not " << exact;
      }
    }
  }
}

TEST(Exp, HasTheLimitsOfTheFunction) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{-infinity, -1e30f,   -104.0f, 0.0f,     -0.0f,
                             88.72283f, 88.7229f, 1e30f,   infinity, nan};
  for (const Kernels* kernels : available()) {
    const std::vector<float> y = exp_of(*kernels, x);
    for (const std::size_t zero : {0, 1, 2}) EXPECT_EQ(std::bit_cast<std::uint32_t>(y[zero]), 0u);
    for (const std::size_t one : {3, 4}) EXPECT_EQ(y[one], 1.0f);
    EXPECT_LT(y[5], infinity);
    for (const std::size_t overflow : {6, 7, 8}) EXPECT_EQ(y[overflow], infinity);
    EXPECT_TRUE(std::isnan(y[9]));
  }
}

TEST(Exp, DoesNotDependOnTheNeighbours) {
  Random random(1);
  const std::vector<float> x = random_floats(67, random);
  for (const Kernels* kernels : available()) {
    const std::vector<float> y = exp_of(*kernels, x);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(exp_of(*kernels, {x[i]}).front(), y[i]);
  }
}

TEST(SiluMul, FollowsTheDefinitionForEverySize) {
  const std::vector<float> gate = floats_of_every_size();
  const std::vector<float> up(gate.size(), 1.0f);
  for (const Kernels* kernels : available()) {
    std::vector<float> out(gate.size());
    kernels->silu_mul(gate.data(), up.data(), out.data(), static_cast<std::int64_t>(gate.size()));
    for (std::size_t i = 0; i < gate.size(); ++i) {
      const double z = gate[i];
      if (std::isnan(z)) {
        ASSERT_TRUE(std::isnan(out[i]));
      } else if (z > -88) {  // below, e^−z is no F32
        // e^−z is within 2 units; adding 1, dividing and multiplying round once each.
        ASSERT_LE(ulps(out[i], z / (1 + std::exp(-z))), 5.0) << kernels->isa << ' ' << z;
      } else if (!std::isinf(z)) {
        ASSERT_LE(std::abs(out[i]), 1e-36) << kernels->isa << ' ' << z;
      }
    }
  }
}

TEST(SiluMul, MultipliesByUp) {
  Random random(2);
  const std::vector<float> gate = random_floats(37, random);
  const std::vector<float> up = random_floats(37, random);
  for (const Kernels* kernels : available()) {
    std::vector<float> silu(37);
    kernels->silu_mul(gate.data(), std::vector<float>(37, 1.0f).data(), silu.data(), 37);
    std::vector<float> out(37);
    kernels->silu_mul(gate.data(), up.data(), out.data(), 37);
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], silu[i] * up[i]);
    std::vector<float> in_place = gate;
    kernels->silu_mul(in_place.data(), up.data(), in_place.data(), 37);
    EXPECT_EQ(in_place, out);
    in_place = up;
    kernels->silu_mul(gate.data(), in_place.data(), in_place.data(), 37);
    EXPECT_EQ(in_place, out);
  }
}

/// The gated units, with what each is in double precision.
struct GatedUnit {
  const char* name;
  Kernels::GateMul Kernels::*kernel;
  double (*exact)(double gate, double up);
};
double gelu(double z) {
  return z / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (z + 0.044715 * z * z * z)));
}
double clamped_swiglu(double gate, double up) {
  const double g = std::min(gate, 7.0), u = std::clamp(up, -7.0, 7.0);
  return g / (1 + std::exp(-1.702 * g)) * (u + 1);
}
const GatedUnit gated_units[] = {
    {"sigmoid_mul", &Kernels::sigmoid_mul, [](double gate, double up) { return up / (1 + std::exp(-gate)); }},
    {"gelu_mul", &Kernels::gelu_mul, [](double gate, double up) { return gelu(gate) * up; }},
    {"clamped_swiglu_mul", &Kernels::clamped_swiglu_mul, clamped_swiglu},
};

TEST(GatedUnits, FollowTheirDefinitionsForEverySize) {
  Random random(7);
  std::vector<float> gate = random_floats(500, random), up = random_floats(500, random);
  for (std::size_t i = 0; i < gate.size(); ++i) {
    gate[i] *= 20 * static_cast<float>(i) / 500;  // up to where the function is flat
    up[i] *= 12;
  }
  for (const GatedUnit& unit : gated_units) {
    for (const Kernels* kernels : available()) {
      for (const std::size_t n : {1, 15, 16, 17, 500}) {
        std::vector<float> out(n);
        (kernels->*unit.kernel)(gate.data(), up.data(), out.data(), static_cast<std::int64_t>(n));
        for (std::size_t i = 0; i < n; ++i) {
          // The exponent, up to 30 here, errs by some units in its last place: so does e^exponent, times 30.
          const double exact = unit.exact(gate[i], up[i]);
          ASSERT_NEAR(out[i], exact, 30 * 8 * 0x1p-24 * std::max(std::abs(exact), 1e-6))
              << unit.name << ' ' << kernels->isa << ' ' << gate[i] << ' ' << up[i];
        }
      }
    }
  }
}

TEST(Sigmoid, FollowsTheDefinition) {
  for (const Kernels* kernels : available()) {
    std::vector<float> x;
    for (float value = -80; value < 80; value += 0.37f) x.push_back(value);
    std::vector<float> y(x.size());
    kernels->sigmoid(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i)
      ASSERT_LE(ulps(y[i], 1 / (1 + std::exp(-double{x[i]}))), 4.0) << kernels->isa << ' ' << x[i];
  }
}

TEST(Softplus, IsWithinAFewUnitsInTheLastPlace) {
  std::vector<float> x = floats_of_every_size();
  for (float value = -100; value < 100; value += 0.0371f) x.push_back(value);
  for (const Kernels* kernels : available()) {
    std::vector<float> y = x;
    kernels->softplus(y.data(), y.data(), static_cast<std::int64_t>(y.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i])) {
        ASSERT_TRUE(std::isnan(y[i]));
        continue;
      }
      const double exact = std::max(double{x[i]}, 0.0) + std::log1p(std::exp(-std::abs(double{x[i]})));
      if (std::isinf(exact)) {
        ASSERT_EQ(y[i], exact) << kernels->isa;
      } else {
        ASSERT_LE(ulps(y[i], exact), 5.0) << kernels->isa << ' ' << x[i] << ": " << y[i] << ", not " << exact;
      }
    }
  }
}

TEST(SoftCap, BoundsValuesAndLeavesSmallOnesAlmostAlone) {
  const std::vector<float> x{-1e9f, -100, -30, -1, -0.01f, 0, 0.01f, 1, 30, 100, 1e9f, 5, 6, 7, 8, 9, 10};
  for (const Kernels* kernels : available()) {
    std::vector<float> y(x.size());
    kernels->soft_cap(x.data(), 30, y.data(), static_cast<std::int64_t>(x.size()));
    // 1 − 2/(1 + e) rounds at the size of 1, and the result is 30 times that.
    for (std::size_t i = 0; i < x.size(); ++i)
      ASSERT_NEAR(y[i], 30 * std::tanh(double{x[i]} / 30), 30 * 4 * 0x1p-24) << kernels->isa << ' ' << x[i];
  }
}

TEST(AddScaled, AddsOneFusedProduct) {
  Random random(8);
  const std::vector<float> x = random_floats(37, random), y = random_floats(37, random);
  for (const Kernels* kernels : available()) {
    std::vector<float> sum = y;
    kernels->add_scaled(sum.data(), x.data(), 0.37f, 37);
    for (std::size_t i = 0; i < sum.size(); ++i) EXPECT_EQ(sum[i], std::fma(x[i], 0.37f, y[i]));
  }
}

TEST(Sum, AddsUpInLaneOrder) {
  Random random(9);
  for (std::size_t n = 0; n < 100; ++n) {
    const std::vector<float> x = random_floats(n, random);
    double exact = 0, magnitude = 0;
    for (const float value : x) {
      exact += value;
      magnitude += std::abs(value);
    }
    const float scalar = available().back()->sum(x.data(), static_cast<std::int64_t>(n));
    EXPECT_NEAR(scalar, exact, magnitude * 12 * 0x1p-24);  // seven additions of a lane, and four of the tree
    for (const Kernels* kernels : available())
      EXPECT_EQ(kernels->sum(x.data(), static_cast<std::int64_t>(n)), scalar) << kernels->isa << ' ' << n;
  }
}

TEST(SumOfSquares, IsInLaneOrder) {
  Random random(3);
  for (std::size_t n = 0; n < 100; ++n) {
    const std::vector<float> x = random_floats(n, random);
    double exact = 0;
    for (const float value : x) exact += double{value} * value;
    for (const Kernels* kernels : available()) {
      const float sum = kernels->sum_of_squares(x.data(), static_cast<std::int64_t>(n));
      EXPECT_EQ(sum, lane_order_dot(x, x)) << kernels->isa << ' ' << n;
      EXPECT_NEAR(sum, exact, lane_order_tolerance(x, x)) << kernels->isa << ' ' << n;
    }
  }
}

TEST(ScaleBy, MultipliesFromTheLeft) {
  Random random(4);
  const std::vector<float> x = random_floats(53, random);
  const std::vector<float> w = random_floats(53, random);
  for (const Kernels* kernels : available()) {
    std::vector<float> y = x;
    kernels->scale_by(y.data(), 0.3f, w.data(), y.data(), 53);
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], x[i] * 0.3f * w[i]) << kernels->isa;
  }
}

TEST(Add, AddsToTheFirst) {
  Random random(5);
  const std::vector<float> a = random_floats(53, random);
  const std::vector<float> b = random_floats(53, random);
  for (const Kernels* kernels : available()) {
    std::vector<float> y = a;
    kernels->add(y.data(), b.data(), 53);
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], a[i] + b[i]) << kernels->isa;
  }
}

TEST(Rope, TurnsThePairsOfItsLayout) {
  Random random(6);
  for (std::int64_t pairs : {1, 3, 8, 16, 17, 32, 50}) {
    const std::size_t n = static_cast<std::size_t>(pairs);
    const std::vector<float> x = random_floats(2 * n, random);
    std::vector<float> cos(n);
    std::vector<float> sin(n);
    for (std::size_t i = 0; i < n; ++i) {
      const double angle = static_cast<double>(i) * std::numbers::phi;
      cos[i] = static_cast<float>(std::cos(angle));
      sin[i] = static_cast<float>(std::sin(angle));
    }
    for (const Kernels* kernels : available()) {
      std::vector<float> interleaved = x;
      std::vector<float> neox = x;
      kernels->rope_interleaved(interleaved.data(), cos.data(), sin.data(), pairs);
      kernels->rope_neox(neox.data(), cos.data(), sin.data(), pairs);
      const auto expect_turned = [&](const std::vector<float>& y, std::size_t even, std::size_t odd,
                                     std::size_t i) {
        // Two products and their sum, each rounded.
        const double tolerance = 0x1p-23 * (std::abs(x[even]) + std::abs(x[odd]));
        EXPECT_NEAR(y[even], double{x[even]} * cos[i] - double{x[odd]} * sin[i], tolerance) << kernels->isa;
        EXPECT_NEAR(y[odd], double{x[even]} * sin[i] + double{x[odd]} * cos[i], tolerance) << kernels->isa;
      };
      for (std::size_t i = 0; i < n; ++i) {
        expect_turned(interleaved, 2 * i, 2 * i + 1, i);
        expect_turned(neox, i, n + i, i);
      }
    }
  }
}

/// What a kernel that works element by element makes of four guarded buffers of 2n, n, n and 2n floats.
struct Elementwise {
  const char* name;
  std::function<void(const Kernels&, float* x, const float* a, const float* b, std::int64_t n)> run;
};

const std::vector<Elementwise>& elementwise_kernels() {
  static const std::vector<Elementwise> list{
      {"sum_of_squares", [](const Kernels& k, float* x, const float* a, const float*,
                            std::int64_t n) { x[0] = k.sum_of_squares(a, n); }},
      {"scale_by", [](const Kernels& k, float* x, const float* a, const float* b,
                      std::int64_t n) { k.scale_by(a, 0.7f, b, x + n, n); }},
      {"add",
       [](const Kernels& k, float* x, const float* a, const float*, std::int64_t n) { k.add(x + n, a, n); }},
      {"silu_mul", [](const Kernels& k, float* x, const float* a, const float* b,
                      std::int64_t n) { k.silu_mul(a, b, x + n, n); }},
      {"sigmoid_mul", [](const Kernels& k, float* x, const float* a, const float* b,
                         std::int64_t n) { k.sigmoid_mul(a, b, x + n, n); }},
      {"softplus", [](const Kernels& k, float* x, const float* a, const float*,
                      std::int64_t n) { k.softplus(a, x + n, n); }},
      {"gelu_mul", [](const Kernels& k, float* x, const float* a, const float* b,
                      std::int64_t n) { k.gelu_mul(a, b, x + n, n); }},
      {"clamped_swiglu_mul", [](const Kernels& k, float* x, const float* a, const float* b,
                                std::int64_t n) { k.clamped_swiglu_mul(a, b, x + n, n); }},
      {"rope_interleaved", [](const Kernels& k, float* x, const float* a, const float* b,
                              std::int64_t n) { k.rope_interleaved(x, a, b, n); }},
      {"rope_neox", [](const Kernels& k, float* x, const float* a, const float* b,
                       std::int64_t n) { k.rope_neox(x, a, b, n); }},
      {"exp",
       [](const Kernels& k, float* x, const float* a, const float*, std::int64_t n) { k.exp(a, x + n, n); }}};
  return list;
}

TEST(Elementwise, GivesTheSameBitsOnEveryIsaForAnyFiniteInputAndStaysInItsBuffers) {
  Random random(7);
  for (const Elementwise& kernel : elementwise_kernels()) {
    for (std::size_t n = 1; n < 70; ++n) {
      for (const bool wild : {false, true}) {
        const auto values = [&](std::size_t count) {
          return wild ? wild_floats(count, random) : random_floats(count, random);
        };
        const std::vector<float> x = values(2 * n);
        const std::vector<float> a = values(n);
        const std::vector<float> b = values(n);
        for (const bool at_start : {false, true}) {
          const auto result = [&](const Kernels& kernels) {
            const GuardedFloats guarded_x(x, at_start);
            kernel.run(kernels, guarded_x.data(), GuardedFloats(a, at_start).data(),
                       GuardedFloats(b, at_start).data(), static_cast<std::int64_t>(n));
            return bits_of(guarded_x.values());
          };
          const std::vector<std::uint32_t> expected = result(named("scalar"));
          for (const Kernels* kernels : available()) {
            ASSERT_EQ(result(*kernels), expected) << kernels->isa << ' ' << kernel.name << ' ' << n;
          }
        }
      }
    }
  }
}

TEST(Elementwise, WritesNothingBesideItsResult) {
  Random random(8);
  for (const Kernels* kernels : available()) {
    for (std::size_t n = 0; n < 40; ++n) {
      const std::vector<float> x = random_floats(n, random);
      std::vector<float> y(n + 20, 9.0f);
      kernels->exp(x.data(), y.data(), static_cast<std::int64_t>(n));
      for (std::size_t i = n; i < y.size(); ++i) ASSERT_EQ(y[i], 9.0f) << kernels->isa << ' ' << n;
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
