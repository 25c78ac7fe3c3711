#include "ops/cpu/cpu_heads.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "ops/cpu/support.h"

namespace yoke::ops::cpu {
namespace {

/// The matrices of five heads, one below the other.
struct Case {
  const char* name;
  quant::Type type;
  kernels::ActivationType activations;
  std::int64_t rows, cols;  // of a head
};
constexpr std::int64_t n_heads = 5;

class HeadProducts : public testing::TestWithParam<Case> {
 protected:
  const Stored stored_{GetParam().type, [] {
                         std::mt19937 random(21);
                         return random_matrix(n_heads * GetParam().rows, GetParam().cols, random);
                       }()};

  /// Of the first `heads` heads, (tokens, heads · width of a head).
  Matrix run(std::string_view isa, int threads, const Matrix& x, std::int64_t heads = n_heads) const {
    const auto& [name, type, activations, rows, cols] = GetParam();
    const kernels::Kernels& kernels = kernels::named(isa);
    ThreadPool pool(threads);
    WeightMemory memory;
    std::vector<std::unique_ptr<WeightMatrix>> matrices;
    for (std::int64_t head = 0; head < heads; ++head) {
      const StoredPart part = stored_.slice({{head * rows, (head + 1) * rows}}, 0, cols);
      const auto load = activations == kernels::ActivationType::f32 ? load_file_rows : load_panels;
      matrices.push_back(load(part, kernels, pool, memory));
    }
    Arena scratch;
    const std::vector<float> in(x.values.begin(), x.values.end());
    std::vector<float> out(static_cast<std::size_t>(x.rows * (x.cols + heads * (rows - cols))));
    multiply_heads(matrices, {in.data(), x.rows, x.cols}, out.data(), {kernels, pool, scratch});
    Matrix found(x.rows, x.cols + heads * (rows - cols));
    std::copy(out.begin(), out.end(), found.values.begin());
    return found;
  }
};

TEST_P(HeadProducts, AreOfEachHeadsFirstValuesAndKeepTheOthersBehindThem) {
  const auto& [name, type, activations, rows, cols] = GetParam();
  std::mt19937 random(22);
  // As bytes, inputs err by 1/254 of the largest of 32.
  const double tolerance = activations == kernels::ActivationType::q8 && type != quant::Type::f32
                               ? 1.0 / 254
                               : static_cast<double>(cols) * float_epsilon;
  for (const std::int64_t kept : {0, 3, 16}) {
    for (const std::int64_t tokens : {1, 2, 3, 8, 70}) {
      const std::int64_t width = cols + kept, out_width = rows + kept;
      const Matrix x = random_matrix(tokens, n_heads * width, random);
      const Matrix found = run("scalar", 1, x);
      ASSERT_EQ(found.cols, n_heads * out_width);
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t head = 0; head < n_heads; ++head) {
          double largest = 0;
          for (std::int64_t k = 0; k < cols; ++k)
            largest = std::max(largest, std::abs(x(t, head * width + k)));
          for (std::int64_t r = 0; r < rows; ++r) {
            double expected = 0, scale = 0;
            for (std::int64_t k = 0; k < cols; ++k) {
              const double w = stored_.values(head * rows + r, k);
              expected += w * x(t, head * width + k);
              scale += std::abs(w) * largest;
            }
            ASSERT_NEAR(found(t, head * out_width + r), expected, tolerance * scale)
                << "token " << t << " of " << tokens << ", head " << head << ", row " << r;
          }
          for (std::int64_t i = 0; i < kept; ++i)
            ASSERT_EQ(found(t, head * out_width + rows + i), x(t, head * width + cols + i));
        }
      }
    }
  }
}

TEST_P(HeadProducts, AreTheSameBitsOnEveryInstructionSetForAnyThreadsHeadsAndTokens) {
  const auto& [name, type, activations, rows, cols] = GetParam();
  std::mt19937 random(23);
  const std::int64_t width = cols + 8, out_width = rows + 8;
  const Matrix x = random_matrix(70, n_heads * width, random);
  const Matrix all = run("scalar", 1, x);
  for (const kernels::Kernels* kernels : kernels::available()) {
    for (const int threads : {2, 5}) ASSERT_EQ(run(kernels->isa, threads, x).values, all.values);
    for (const std::int64_t tokens : {1, 5, 20}) {
      for (const std::int64_t heads : {1, 3}) {
        std::vector<std::int64_t> first(static_cast<std::size_t>(tokens));
        std::iota(first.begin(), first.end(), 0);
        const Matrix some = run(kernels->isa, 1, part(x, first, 0, heads * width), heads);
        ASSERT_EQ(some.values, part(all, first, 0, heads * out_width).values) << kernels->isa;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Of, HeadProducts,
    testing::Values(Case{"Floats", quant::Type::f32, kernels::ActivationType::f32, 21, 13},
                    Case{"PackedFloats", quant::Type::f32, kernels::ActivationType::q8, 21, 13},
                    Case{"Rows", quant::Type::q8_0, kernels::ActivationType::f32, 40, 96},
                    Case{"Panels", quant::Type::q8_0, kernels::ActivationType::q8, 40, 96},
                    Case{"PanelsOfLatents", quant::Type::q4_0, kernels::ActivationType::q8, 128, 128},
                    Case{"PanelsOfBlocksOf256", quant::Type::q4_k, kernels::ActivationType::q8, 32, 512}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace yoke::ops::cpu
