#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "support.h"

namespace yoke::kernels {
namespace {

/// A token of a head, and the state it finds.
struct Case {
  std::int64_t k_dim, columns;
  std::vector<float> state, q, k, v;
  float decay, beta;

  Case(std::int64_t k_dim_, std::int64_t columns_, Random& random, bool wild = false)
      : k_dim(k_dim_), columns(columns_) {
    const auto values = [&](std::int64_t n) {
      const auto count = static_cast<std::size_t>(n);
      return wild ? wild_floats(count, random) : random_floats(count, random);
    };
    state = values(k_dim * columns);
    q = values(k_dim);
    k = values(k_dim);
    v = values(columns);
    const std::vector<float> factors = values(2);
    decay = wild ? factors[0] : std::exp(-std::abs(factors[0]));
    beta = wild ? factors[1] : 1 / (1 + std::exp(factors[1]));
  }
};

/// State and output, one behind the other.
std::vector<float> computed(const Kernels& kernels, const Case& c, bool at_start = false) {
  const GuardedFloats state(c.state, at_start), q(c.q, at_start), k(c.k, at_start), v(c.v, at_start);
  const GuardedFloats out(std::vector<float>(c.v.size()), at_start);
  kernels.delta_rule({q.data(), k.data(), v.data(), c.decay, c.beta, out.data()}, state.data(), c.k_dim,
                     c.columns);
  std::vector<float> all = state.values();
  const std::vector<float> result = out.values();
  all.insert(all.end(), result.begin(), result.end());
  return all;
}

/// The definition in double precision; with each value how large the terms are that it is the sum of.
struct Reference {
  std::vector<double> values, magnitudes;

  explicit Reference(const Case& c) {
    const auto rows = static_cast<std::size_t>(c.k_dim), columns = static_cast<std::size_t>(c.columns);
    std::vector<double> out, out_magnitudes;
    values.resize(rows * columns);
    magnitudes.resize(rows * columns);
    for (std::size_t i = 0; i < columns; ++i) {
      double kept = 0, kept_magnitude = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        const double product = double{c.decay} * c.state[r * columns + i] * c.k[r];
        kept += product;
        kept_magnitude += std::abs(product);
      }
      const double change = c.beta * (c.v[i] - kept);
      const double change_magnitude = c.beta * (std::abs(c.v[i]) + kept_magnitude);
      double sum = 0, magnitude = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t at = r * columns + i;
        values[at] = double{c.decay} * c.state[at] + c.k[r] * change;
        magnitudes[at] = std::abs(c.decay * c.state[at]) + std::abs(c.k[r]) * change_magnitude;
        sum += values[at] * c.q[r];
        magnitude += magnitudes[at] * std::abs(c.q[r]);
      }
      out.push_back(sum);
      out_magnitudes.push_back(magnitude);
    }
    values.insert(values.end(), out.begin(), out.end());
    magnitudes.insert(magnitudes.end(), out_magnitudes.begin(), out_magnitudes.end());
  }
};

constexpr std::int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 47, 48, 64};

TEST(DeltaRule, FollowsTheDefinition) {
  Random random(1);
  for (const std::int64_t k_dim : sizes) {
    for (const std::int64_t columns : sizes) {
      const Case c(k_dim, columns, random);
      const Reference exact(c);
      for (const Kernels* kernels : available()) {
        const std::vector<float> found = computed(*kernels, c);
        for (std::size_t i = 0; i < found.size(); ++i) {
          // Two chains of k_dim / 4 roundings, and some for what stands between them.
          const double tolerance = (static_cast<double>(k_dim) / 2 + 10) * 0x1p-24 * exact.magnitudes[i];
          ASSERT_NEAR(found[i], exact.values[i], tolerance)
              << kernels->isa << ", " << k_dim << " rows of " << columns << ", value " << i;
        }
      }
    }
  }
}

TEST(DeltaRule, GivesTheSameBitsOnEveryIsaAndStaysInItsBuffers) {
  Random random(2);
  for (const std::int64_t k_dim : sizes) {
    for (const std::int64_t columns : sizes) {
      for (const bool wild : {false, true}) {
        const Case c(k_dim, columns, random, wild);
        for (const bool at_start : {false, true}) {
          const std::vector<std::uint32_t> expected = bits_of(computed(named("scalar"), c, at_start));
          for (const Kernels* kernels : available())
            ASSERT_EQ(bits_of(computed(*kernels, c, at_start)), expected) << kernels->isa;
        }
      }
    }
  }
}

TEST(DeltaRule, ComputesAColumnAsIfItWereAlone) {
  Random random(3);
  const Case together(24, 37, random);
  for (const Kernels* kernels : available()) {
    const std::vector<float> all = computed(*kernels, together);
    for (std::int64_t column = 0; column < together.columns; ++column) {
      Case alone = together;
      alone.columns = 1;
      alone.v = {together.v[static_cast<std::size_t>(column)]};
      alone.state.clear();
      std::vector<float> expected;
      for (std::int64_t row = 0; row <= together.k_dim; ++row) {  // the last is what comes out
        const auto at = static_cast<std::size_t>(row * together.columns + column);
        if (row < together.k_dim) alone.state.push_back(together.state[at]);
        expected.push_back(all[at]);
      }
      ASSERT_EQ(computed(*kernels, alone), expected) << kernels->isa << ", column " << column;
    }
  }
}

TEST(DeltaRule, RecallsTheValueOfAKey) {
  // What the rule is for: with beta 1 and no decay, the value that was stored last under a key of length 1 is
  // what a query of that key finds, whatever had been there.
  Random random(4);
  Case c(16, 16, random);
  c.decay = 1;
  c.beta = 1;
  double square = 0;
  for (const float value : c.k) square += double{value} * value;
  for (float& value : c.k) value /= static_cast<float>(std::sqrt(square));
  c.q = c.k;
  const std::vector<float> found = computed(best(), c);
  for (std::size_t i = 0; i < c.v.size(); ++i) EXPECT_NEAR(found[c.state.size() + i], c.v[i], 1e-5);
}

/// What convolve() makes of `taps` rows of n values.
std::vector<float> convolved(const Kernels& kernels, const std::vector<std::vector<float>>& rows,
                             const std::vector<float>& w, std::size_t n, bool at_start = false) {
  std::vector<const float*> pointers;
  std::vector<std::unique_ptr<GuardedFloats>> guarded;
  for (const std::vector<float>& row : rows) {
    guarded.push_back(std::make_unique<GuardedFloats>(row, at_start));
    pointers.push_back(guarded.back()->data());
  }
  const GuardedFloats weights(w, at_start), y(std::vector<float>(n), at_start);
  kernels.convolve(pointers.data(), std::ssize(rows), weights.data(), static_cast<std::int64_t>(n), y.data(),
                   static_cast<std::int64_t>(n));
  return y.values();
}

TEST(Convolve, FollowsTheDefinitionWithTheSameBitsOnEveryIsaAndStaysInItsBuffers) {
  Random random(5);
  for (const std::size_t taps : {1, 2, 4, 5}) {
    for (std::size_t n = 1; n < 40; ++n) {
      std::vector<std::vector<float>> rows;
      for (std::size_t tap = 0; tap < taps; ++tap) rows.push_back(random_floats(n, random));
      const std::vector<float> w = random_floats(taps * n, random);
      for (const bool at_start : {false, true}) {
        const std::vector<float> scalar = convolved(named("scalar"), rows, w, n, at_start);
        for (std::size_t i = 0; i < n; ++i) {
          double sum = 0, magnitude = 0;
          for (std::size_t tap = 0; tap < taps; ++tap) {
            sum += double{w[tap * n + i]} * rows[tap][i];
            magnitude += std::abs(double{w[tap * n + i]} * rows[tap][i]);
          }
          // silu moves by at most 1.1 times what its argument does; it errs by some units itself.
          ASSERT_NEAR(scalar[i], sum / (1 + std::exp(-sum)), 16 * 0x1p-24 * magnitude) << taps << ' ' << n;
        }
        for (const Kernels* kernels : available())
          ASSERT_EQ(bits_of(convolved(*kernels, rows, w, n, at_start)), bits_of(scalar)) << kernels->isa;
      }
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
