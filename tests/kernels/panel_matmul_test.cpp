#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "kernels/pack.h"
#include "kernels/panels.h"
#include "support.h"

namespace yoke::kernels {
namespace {

bool is_float(quant::Type type) { return quant::format(type).block_values == 1; }

std::vector<ActivationBlock> quantized(const Kernels& kernels, std::span<const float> x, std::int64_t tokens,
                                       std::int64_t cols) {
  const std::int64_t blocks = (cols + unit_cols - 1) / unit_cols * 2;
  std::vector<ActivationBlock> out(static_cast<std::size_t>(tokens * blocks));
  for (std::int64_t t = 0; t < tokens; ++t)
    kernels.quantize_activations(x.data() + t * cols, cols, out.data() + t * blocks);
  return out;
}

/// A matrix of which some columns are packed, and activations for those.
struct Problem {
  PanelColumns columns;
  std::int64_t rows, tokens;
  std::int64_t row_values;  // of the file's rows
  std::vector<std::byte> file;
  std::vector<float> x;

  Problem(PanelColumns columns_, std::int64_t row_values_, std::int64_t rows_, std::int64_t tokens_,
          Random& random, bool wild = false)
      : columns(columns_),
        rows(rows_),
        tokens(tokens_),
        row_values(row_values_),
        file(random_weights(columns.type, row_values * rows, random, wild)),
        x(random_floats(static_cast<std::size_t>(columns.cols * tokens), random)) {}

  std::size_t row_bytes() const { return quant::format(columns.type).bytes(row_values); }
  std::int64_t panels() const { return (rows + panel_rows - 1) / panel_rows; }
  std::size_t packed_bytes() const { return columns.bytes() * static_cast<std::size_t>(panels()); }

  void pack(std::byte* to) const {
    for (std::int64_t first = 0; first < rows; first += panel_rows) {
      const int n = static_cast<int>(std::min<std::int64_t>(panel_rows, rows - first));
      pack_panel(columns, file.data() + static_cast<std::size_t>(first) * row_bytes() + columns.file_begin(),
                 row_bytes(), n, to + static_cast<std::size_t>(first / panel_rows) * columns.bytes());
    }
  }

  /// y of tokens [first, end), (tokens, rows), in guarded memory throughout.
  std::vector<float> run(const Kernels& kernels, std::int64_t first, std::int64_t end,
                         Gemv gemv = Gemv::plain) const {
    const GuardedBytes packed(packed_bytes());
    pack(packed.data());
    const std::vector<ActivationBlock> blocks =
        is_float(columns.type) ? std::vector<ActivationBlock>{} : quantized(kernels, x, tokens, columns.cols);
    const GuardedBytes guarded_blocks(blocks.size() * sizeof(ActivationBlock));
    if (!blocks.empty())
      std::memcpy(guarded_blocks.data(), blocks.data(), blocks.size() * sizeof(ActivationBlock));
    const GuardedFloats floats(x);
    const GuardedFloats y(std::vector<float>(static_cast<std::size_t>(rows * tokens), untouched));
    PanelProduct product{};
    product.panels = packed.data();
    product.panel_bytes = columns.bytes();
    product.rows = rows;
    product.phase = columns.phase();
    product.units = columns.units();
    product.end_panel = panels();
    product.x.floats = floats.data();
    product.x.float_stride = columns.cols;
    product.x.blocks = reinterpret_cast<const ActivationBlock*>(guarded_blocks.data());
    product.x.block_stride = static_cast<std::int64_t>(blocks.size()) / tokens;
    product.first_token = first;
    product.end_token = end;
    product.y = y.data();
    product.y_stride = rows;
    kernels.panel_multiply(columns.type, gemv)(product);
    return y.values();
  }
  std::vector<float> run(const Kernels& kernels) const { return run(kernels, 0, tokens); }

  /// The columns' weights of a row.
  std::vector<float> weights(std::int64_t row) const {
    const std::vector<float> all = dequantized(
        columns.type, std::span(file).subspan(static_cast<std::size_t>(row) * row_bytes(), row_bytes()));
    return {all.begin() + columns.first, all.begin() + columns.first + columns.cols};
  }

  static constexpr float untouched = -12345.5f;
};

struct Cut {
  std::int64_t row_values, first, cols;
};

/// Whole rows, and pieces of them that begin and end inside a block.
std::vector<Cut> cuts(quant::Type type) {
  switch (quant::format(type).block_values) {
    case 1:
      return {{1, 0, 1}, {37, 0, 37}, {100, 30, 33}, {256, 64, 128}};
    case 32:
      return {{32, 0, 32}, {64, 0, 64}, {352, 0, 352}, {640, 128, 192}, {608, 576, 32}};
    default:
      return {{256, 0, 256}, {768, 0, 768}, {768, 64, 512}, {512, 192, 64}, {1024, 320, 704}};
  }
}

constexpr std::int64_t token_counts[] = {1, 2, 3, 4, 5, 8, 9, 17};

/// Numbers of tokens, those of which there are several ways in each of them.
std::vector<std::pair<std::int64_t, Gemv>> tokens_and_ways(bool has_gemvs) {
  std::vector<std::pair<std::int64_t, Gemv>> all;
  for (const std::int64_t tokens : token_counts) {
    all.emplace_back(tokens, Gemv::plain);
    if (has_gemvs && tokens <= most_gemv_tokens + 1) all.emplace_back(tokens, Gemv::ahead);
  }
  return all;
}

/// What activations stand for once they are bytes.
std::vector<double> meaning(const Problem& problem, const Kernels& kernels, std::int64_t token) {
  const std::int64_t cols = problem.columns.cols;
  const std::span<const float> x =
      std::span(problem.x).subspan(static_cast<std::size_t>(token * cols), static_cast<std::size_t>(cols));
  if (is_float(problem.columns.type)) return {x.begin(), x.end()};
  const std::vector<ActivationBlock> blocks = quantized(kernels, x, 1, cols);
  std::vector<double> out;
  for (std::int64_t k = 0; k < cols; ++k) {
    const ActivationBlock& block = blocks[static_cast<std::size_t>(k / activation_block)];
    out.push_back(double{block.d} * block.q[k % activation_block]);
  }
  return out;
}

TEST(PanelMatMul, MultipliesTheWeightsOfAnyColumnsWithWhatTheActivationsStandFor) {
  Random random(1);
  for (const Kernels* kernels : available()) {
    for (const quant::Type type : matmul_types()) {
      for (const Cut& cut : cuts(type)) {
        const Problem problem({type, cut.first, cut.cols}, cut.row_values, 19, 3, random);
        const std::vector<float> y = problem.run(*kernels);
        for (std::int64_t t = 0; t < problem.tokens; ++t) {
          const std::vector<double> x = meaning(problem, *kernels, t);
          for (std::int64_t r = 0; r < problem.rows; ++r) {
            const std::vector<float> weights = problem.weights(r);
            double exact = 0, magnitude = 0;
            for (std::size_t k = 0; k < x.size(); ++k) {
              exact += weights[k] * x[k];
              // A minimum is added apart from what it is subtracted from: of that size are the errors.
              magnitude += (std::abs(weights[k]) + 64.0) * std::abs(x[k]);
            }
            const double tolerance =
                std::numeric_limits<float>::epsilon() * (static_cast<double>(x.size()) / 16 + 4) * magnitude;
            ASSERT_NEAR(y[static_cast<std::size_t>(t * problem.rows + r)], exact, tolerance)
                << kernels->isa << " " << quant::format(type).name << ", columns from " << cut.first << ", "
                << cut.cols << " of " << cut.row_values << ", row " << r << ", token " << t;
          }
        }
      }
    }
  }
}

TEST(PanelMatMul, GivesATokenTheSameBitsInAnyCompanyOnAnyInstructionSet) {
  Random random(2);
  const Kernels& scalar = named("scalar");
  for (const quant::Type type : matmul_types()) {
    for (const Cut& cut : cuts(type)) {
      for (const bool wild : {false, true}) {
        const Problem problem({type, cut.first, cut.cols}, cut.row_values, 37, 17, random, wild);
        std::vector<float> expected;
        for (std::int64_t t = 0; t < problem.tokens; ++t) {
          const std::vector<float> y = problem.run(scalar, t, t + 1);
          expected.insert(expected.end(), y.begin() + t * problem.rows, y.begin() + (t + 1) * problem.rows);
        }
        for (const Kernels* kernels : available()) {
          for (const auto& [n, gemv] : tokens_and_ways(kernels->has_gemvs(type))) {
            const std::vector<float> y = problem.run(*kernels, problem.tokens - n, problem.tokens, gemv);
            const auto from = (problem.tokens - n) * problem.rows;
            ASSERT_EQ(bits_of(std::span(y).subspan(static_cast<std::size_t>(from))),
                      bits_of(std::span(expected).subspan(static_cast<std::size_t>(from))))
                << kernels->isa << " " << quant::format(type).name << ", " << n << " tokens, "
                << name_of(gemv) << ", " << cut.cols << " columns from " << cut.first
                << (wild ? ", wild" : "");
            for (std::int64_t i = 0; i < from; ++i) {
              ASSERT_EQ(y[static_cast<std::size_t>(i)], Problem::untouched) << "of a token not asked for";
            }
          }
        }
      }
    }
  }
}

TEST(PanelMatMul, GivesTheSameBitsToTokensOfAnyStrip) {
  Random random(6);
  // One format of each kind of scale and of points; so many tokens that they are computed in several strips.
  for (const quant::Type type :
       {quant::Type::f16, quant::Type::q4_0, quant::Type::q4_k, quant::Type::q6_k, quant::Type::q2_k,
        quant::Type::iq1_s, quant::Type::iq2_xs, quant::Type::iq3_s}) {
    const Problem problem({type, 0, 256}, 256, 37, 201, random);
    const std::vector<float> expected = problem.run(named("scalar"));
    for (const Kernels* kernels : available()) {
      for (const std::int64_t first : {0, 3, 190, 200}) {
        const std::vector<float> y = problem.run(*kernels, first, problem.tokens);
        const auto from = static_cast<std::size_t>(first * problem.rows);
        EXPECT_EQ(bits_of(std::span(y).subspan(from)), bits_of(std::span(expected).subspan(from)))
            << kernels->isa << " " << quant::format(type).name << ", tokens from " << first;
      }
    }
  }
}

TEST(PanelMatMul, ComputesThePanelsThatItIsAskedFor) {
  Random random(3);
  for (const Kernels* kernels : available()) {
    for (const auto& [tokens, gemv] : tokens_and_ways(true)) {
      const Problem problem({quant::Type::q4_k, 0, 256}, 256, 5 * panel_rows - 3, tokens, random);
      const std::vector<float> all = problem.run(*kernels);
      std::vector<std::byte> packed(problem.packed_bytes());
      problem.pack(packed.data());
      const std::vector<ActivationBlock> blocks = quantized(*kernels, problem.x, tokens, 256);
      for (const auto& [first, end] : {std::pair{0, 0}, {0, 1}, {1, 4}, {2, 5}, {4, 5}}) {
        std::vector<float> y(all.size(), Problem::untouched);
        PanelProduct product{};
        product.panels = packed.data();
        product.panel_bytes = problem.columns.bytes();
        product.rows = problem.rows;
        product.units = problem.columns.units();
        product.first_panel = first;
        product.end_panel = end;
        product.x.blocks = blocks.data();
        product.x.block_stride = 8;
        product.end_token = tokens;
        product.y = y.data();
        product.y_stride = problem.rows;
        kernels->panel_multiply(quant::Type::q4_k, gemv)(product);
        for (std::size_t i = 0; i < y.size(); ++i) {
          const auto row = static_cast<std::int64_t>(i) % problem.rows;
          const bool asked = row >= first * panel_rows && row < end * panel_rows;
          ASSERT_EQ(y[i], asked ? all[i] : Problem::untouched) << "row " << row;
        }
      }
    }
  }
}

TEST(PanelColumns, TakeAsManyBytesAsTheFileHas) {
  for (const quant::Type type : matmul_types()) {
    const quant::Format& format = quant::format(type);
    const PanelColumns whole{type, 0, 1024};
    EXPECT_EQ(whole.bytes(), panel_rows * format.bytes(1024)) << format.name;
    EXPECT_EQ(whole.file_begin(), 0u);
    EXPECT_EQ(whole.file_end(), format.bytes(1024));
    const PanelColumns cut{type, 320, 128};
    EXPECT_GE(cut.bytes(), panel_rows * format.bytes(1024) / 8) << format.name;
    EXPECT_LE(cut.bytes(), panel_rows * format.bytes(1024) / 8 + 64 * (format.block_values == 256))
        << format.name;
    EXPECT_LE(cut.file_begin(), format.bytes(1024) * 320 / 1024);
    EXPECT_GE(cut.file_end(), format.bytes(1024) * 448 / 1024);
  }
}

/// FNV-1a of a packed panel of each type.
std::uint64_t hash_of_panels(std::span<const quant::Type> types) {
  Random random(1);
  std::uint64_t hash = 14695981039346656037u;
  for (const quant::Type type : types) {
    const PanelColumns columns{type, 64, 448};
    const std::size_t row_bytes = columns.file_end() - columns.file_begin();
    std::vector<std::byte> file(row_bytes * panel_rows);
    for (std::byte& byte : file) byte = static_cast<std::byte>(random() & 255);
    std::vector<std::byte> panel(columns.bytes());
    pack_panel(columns, file.data(), row_bytes, panel_rows, panel.data());
    for (const std::byte byte : panel) hash = (hash ^ static_cast<std::uint64_t>(byte)) * 1099511628211u;
  }
  return hash;
}

// Panels lie on users' disks. Whoever changes where they have what raises the version, and writes down both.
TEST(PanelColumns, LieAsTheirVersionSays) {
  EXPECT_EQ(panel_layout_version, 1u);
  EXPECT_EQ(hash_of_panels(matmul_types().first(16)), 1315740015235345219u);
  EXPECT_EQ(hash_of_panels(matmul_types().subspan(16)), 15212301223564275942u);  // IQ1 to IQ3
}

TEST(QuantizedActivations, AreTheNearestOfTheirBlocksScale) {
  Random random(4);
  std::vector<float> x = random_floats(160, random);
  std::fill(x.begin() + 32, x.begin() + 64, 0.0f);
  x[40] = -0.0f;
  std::fill(x.begin() + 64, x.begin() + 96, 1e-37f);  // too small to divide by
  x[100] = 1e30f;
  for (const Kernels* kernels : available()) {
    const std::vector<ActivationBlock> blocks = quantized(*kernels, x, 1, 160);
    ASSERT_EQ(blocks.size(), 6u);
    for (std::size_t b = 0; b < 6; ++b) {
      const ActivationBlock& block = blocks[b];
      float most = 0;
      for (std::size_t i = 32 * b; i < std::min<std::size_t>(32 * b + 32, x.size()); ++i)
        most = std::max(most, std::abs(x[i]));
      const bool zero = b == 5 || most < 1e-30f;
      EXPECT_EQ(block.d, zero ? 0.0f : most / 127.0f) << kernels->isa << ", block " << b;
      int sums[2] = {};
      for (std::size_t i = 0; i < 32; ++i) {
        const double exact = zero ? 0 : double{x[32 * b + i]} / block.d;
        EXPECT_NEAR(block.q[i], exact, 0.5 + 1e-4) << kernels->isa << ", value " << 32 * b + i;
        EXPECT_GE(block.q[i], -127);
        sums[i / 16] += block.q[i];
      }
      EXPECT_EQ(block.minus_sum, -(sums[0] + sums[1]));
      EXPECT_EQ(block.d_sum, block.d * static_cast<float>(sums[0] + sums[1]));
      for (int half = 0; half < 2; ++half) {
        EXPECT_EQ(block.minus_half_sums[half], -sums[half]);
        EXPECT_EQ(block.d_half_sums[half], block.d * static_cast<float>(sums[half]));
      }
    }
  }
}

TEST(QuantizedActivations, HideNoValueThatIsNotFinite) {
  for (const Kernels* kernels : available()) {
    for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
      for (const std::size_t place : {0u, 15u, 16u, 31u}) {
        std::vector<float> x(64, 1.0f);
        x[32 + place] = bad;
        const std::vector<ActivationBlock> blocks = quantized(*kernels, x, 1, 64);
        EXPECT_TRUE(std::isfinite(blocks[0].d));
        EXPECT_FALSE(std::isfinite(blocks[1].d)) << kernels->isa << ", " << bad << " at " << place;
      }
    }
  }
}

TEST(QuantizedActivations, AreTheSameBitsOnEveryInstructionSet) {
  Random random(5);
  const std::vector<float> x = wild_floats(32 * 64, random);
  const std::vector<ActivationBlock> expected = quantized(named("scalar"), x, 1, std::ssize(x));
  for (const Kernels* kernels : available()) {
    const std::vector<ActivationBlock> blocks = quantized(*kernels, x, 1, std::ssize(x));
    EXPECT_EQ(std::memcmp(blocks.data(), expected.data(), blocks.size() * sizeof(ActivationBlock)), 0)
        << kernels->isa;
  }
}

}  // namespace
}  // namespace yoke::kernels
