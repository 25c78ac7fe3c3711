#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "quant/half.h"
#include "support.h"

namespace yoke::kernels {
namespace {

/// A product's operands, with rows farther apart than they are long.
struct Problem {
  quant::Type type;
  std::int64_t rows, cols, tokens;
  std::size_t row_bytes, w_stride;  // bytes
  std::int64_t x_stride, y_stride;  // floats
  std::vector<std::byte> w;
  std::vector<float> x;

  Problem(quant::Type type_, std::int64_t rows_, std::int64_t cols_, std::int64_t tokens_, Random& random,
          bool wild = false)
      : type(type_),
        rows(rows_),
        cols(cols_),
        tokens(tokens_),
        row_bytes(quant::format(type_).bytes(cols_)),
        w_stride(row_bytes + 2 * quant::format(type_).block_bytes),
        x_stride(cols_ + 3),
        y_stride(rows_ + 2) {
    const std::int64_t values = static_cast<std::int64_t>(w_stride / quant::format(type).block_bytes) *
                                quant::format(type).block_values * rows;
    w = random_weights(type, values, random, wild);
    const std::size_t n = static_cast<std::size_t>(x_stride * tokens);
    x = wild ? wild_floats(n, random) : random_floats(n, random);
  }

  std::vector<float> weights(std::int64_t row) const {
    return dequantized(type, std::span(w).subspan(static_cast<std::size_t>(row) * w_stride, row_bytes));
  }
  std::span<const float> token(std::int64_t t) const {
    return std::span(x).subspan(static_cast<std::size_t>(t * x_stride), static_cast<std::size_t>(cols));
  }

  std::vector<float> run(const Kernels& kernels) const {
    std::vector<float> y(static_cast<std::size_t>(y_stride * tokens), untouched);
    kernels.matmul(type)(w.data(), w_stride, rows, cols, x.data(), x_stride, tokens, y.data(), y_stride);
    return y;
  }
  static constexpr float untouched = -12345.5f;
};

std::vector<std::int64_t> widths(quant::Type type) {
  if (quant::format(type).block_values == 1) return {1, 2, 8, 15, 16, 17, 31, 32, 33, 100, 257};
  if (quant::format(type).block_values == 32) return {32, 64, 96, 288};
  return {256, 768};
}

TEST(MatMul, SumsInLaneOrderWithinTheToleranceOfThatOrder) {
  Random random(1);
  for (const Kernels* kernels : available()) {
    for (const quant::Type type : matmul_types()) {
      for (const std::int64_t cols : widths(type)) {
        for (std::int64_t size = 0; size <= 9; ++size) {
          const std::int64_t tokens = (size * 7 + cols) % 10;  // rows and tokens both take all of 0..9
          const Problem problem(type, size, cols, tokens, random);
          const std::vector<float> y = problem.run(*kernels);
          for (std::int64_t t = 0; t < tokens; ++t) {
            for (std::int64_t r = 0; r < problem.y_stride; ++r) {
              const float found = y[static_cast<std::size_t>(t * problem.y_stride + r)];
              if (r >= size) {
                ASSERT_EQ(found, Problem::untouched) << "written past the last row";
                continue;
              }
              const std::vector<float> weights = problem.weights(r);
              const std::span<const float> x = problem.token(t);
              double exact = 0;
              for (std::size_t k = 0; k < weights.size(); ++k) exact += double{weights[k]} * x[k];
              ASSERT_NEAR(found, exact, lane_order_tolerance(weights, x))
                  << kernels->isa << ' ' << quant::format(type).name << " cols " << cols << " row " << r
                  << '/' << size << " token " << t << '/' << tokens;
              ASSERT_EQ(found, lane_order_dot(weights, x)) << kernels->isa << ' ' << quant::format(type).name;
            }
          }
        }
      }
    }
  }
}

TEST(MatMul, GivesTheSameBitsOnEveryIsaForAnyFiniteInput) {
  Random random(2);
  for (const quant::Type type : matmul_types()) {
    for (const std::int64_t cols : widths(type)) {
      for (const std::int64_t tokens : {1, 4, 5, 35}) {
        const Problem problem(type, 7, cols, tokens, random, true);
        const std::vector<std::uint32_t> expected = bits_of(problem.run(named("scalar")));
        for (const Kernels* kernels : available()) {
          ASSERT_EQ(bits_of(problem.run(*kernels)), expected)
              << kernels->isa << ' ' << quant::format(type).name << " cols " << cols << " tokens " << tokens;
        }
      }
    }
  }
}

TEST(MatMul, ATokenAloneEqualsTheTokenAmongOthersAndSoDoesARow) {
  Random random(3);
  for (const Kernels* kernels : available()) {
    for (const quant::Type type : matmul_types()) {
      const std::int64_t block = quant::format(type).block_values;
      const std::int64_t cols = block == 1 ? 77 : 3 * block;
      for (const std::int64_t tokens : {2, 3, 9, 40}) {
        const Problem problem(type, 9, cols, tokens, random);
        const std::vector<std::uint32_t> together = bits_of(problem.run(*kernels));
        for (std::int64_t t = 0; t < tokens; ++t) {
          for (std::int64_t r = 0; r < problem.rows; ++r) {
            float alone = 0;
            kernels->matmul(type)(problem.w.data() + static_cast<std::size_t>(r) * problem.w_stride,
                                  problem.w_stride, 1, cols, problem.token(t).data(), problem.x_stride, 1,
                                  &alone, 1);
            ASSERT_EQ(std::bit_cast<std::uint32_t>(alone),
                      together[static_cast<std::size_t>(t * problem.y_stride + r)])
                << kernels->isa << ' ' << quant::format(type).name << " row " << r << " token " << t;
          }
        }
      }
    }
  }
}

TEST(MatMul, TouchesNothingOutsideItsOperands) {
  Random random(4);
  for (const Kernels* kernels : available()) {
    for (const quant::Type type : matmul_types()) {
      for (const std::int64_t cols : widths(type)) {
        for (const std::int64_t size : {1, 3, 5, 9}) {
          for (const bool at_start : {false, true}) {
            const std::size_t row_bytes = quant::format(type).bytes(cols);
            const std::vector<std::byte> weights = random_weights(type, size * cols, random);
            const GuardedBytes w(weights.size(), at_start);
            std::copy(weights.begin(), weights.end(), w.data());
            const GuardedFloats x(random_floats(static_cast<std::size_t>(size * cols), random), at_start);
            const GuardedFloats y(std::vector<float>(static_cast<std::size_t>(size * size)), at_start);
            kernels->matmul(type)(w.data(), row_bytes, size, cols, x.data(), cols, size, y.data(), size);
          }
        }
      }
    }
  }
}

/// y = w · 1 for one value per row: what a kernel makes of every bit pattern.
template <class Widen>
void expect_every_half_widens(quant::Type type, Widen widen) {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  const float one = 1;
  for (const Kernels* kernels : available()) {
    std::vector<float> y(halves.size());
    kernels->matmul(type)(reinterpret_cast<const std::byte*>(halves.data()), 2, 65536, 1, &one, 1, 1,
                          y.data(), 65536);
    for (std::size_t i = 0; i < halves.size(); ++i) {
      const float expected = widen(halves[i]);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(y[i])) << kernels->isa << ' ' << i;
      } else {
        ASSERT_EQ(y[i], expected) << kernels->isa << ' ' << i;
      }
    }
  }
}

TEST(MatMul, WidensEveryF16AsQuantDoes) { expect_every_half_widens(quant::Type::f16, quant::f16_to_f32); }
TEST(MatMul, WidensEveryBf16AsQuantDoes) { expect_every_half_widens(quant::Type::bf16, quant::bf16_to_f32); }

TEST(MatMul, DecodesEveryValueOfABlockAsQuantDoes) {
  Random random(5);
  for (const quant::Type type : matmul_types()) {
    const std::int64_t values = quant::format(type).block_values;
    if (values == 1) continue;
    const std::int64_t rows = values == 32 ? 2000 : 300;
    const std::vector<std::byte> w = random_weights(type, rows * values, random, true);
    const std::vector<float> expected = dequantized(type, w);
    for (const Kernels* kernels : available()) {
      for (std::int64_t k = 0; k < values; ++k) {
        std::vector<float> x(static_cast<std::size_t>(values));
        x[static_cast<std::size_t>(k)] = 1;  // picks the k-th value: everything else adds a zero
        std::vector<float> y(static_cast<std::size_t>(rows));
        kernels->matmul(type)(w.data(), quant::format(type).bytes(values), rows, values, x.data(), values, 1,
                              y.data(), rows);
        for (std::int64_t r = 0; r < rows; ++r) {
          ASSERT_EQ(y[static_cast<std::size_t>(r)], expected[static_cast<std::size_t>(r * values + k)])
              << kernels->isa << ' ' << quant::format(type).name << " value " << k;
        }
      }
    }
  }
}

TEST(MatMul, ANanOrAnInfinityReachesOnlyItsOwnResults) {
  Random random(6);
  for (const Kernels* kernels : available()) {
    Problem problem(quant::Type::f32, 5, 40, 5, random);
    const std::vector<float> clean = problem.run(*kernels);
    problem.x[static_cast<std::size_t>(2 * problem.x_stride + 7)] = std::numeric_limits<float>::quiet_NaN();
    problem.x[static_cast<std::size_t>(3 * problem.x_stride + 39)] = std::numeric_limits<float>::infinity();
    const std::vector<float> y = problem.run(*kernels);
    for (std::int64_t t = 0; t < 5; ++t) {
      for (std::int64_t r = 0; r < 5; ++r) {
        const std::size_t i = static_cast<std::size_t>(t * problem.y_stride + r);
        if (t == 2) {
          EXPECT_TRUE(std::isnan(y[i])) << kernels->isa;
        } else if (t == 3) {
          EXPECT_TRUE(std::isinf(y[i])) << kernels->isa;
        } else {
          EXPECT_EQ(y[i], clean[i]) << kernels->isa;
        }
      }
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
