#include "ops/cpu/cpu_matrix.h"

#include "ops/cpu/support.h"

namespace yoke::ops::cpu {
namespace {

class Panels : public OnEveryIsa {};
INSTANTIATE_TEST_SUITE_P(Isa, Panels, testing::ValuesIn(kernels::available()), isa_name);

constexpr Options bytes{.activations = kernels::ActivationType::q8};
constexpr quant::Type types[] = {quant::Type::f32, quant::Type::f16, quant::Type::q8_0, quant::Type::q4_1,
                                 quant::Type::q4_0};

/// What a quantised matrix is multiplied with: 255 steps in every 32 values.
Matrix rounded(Matrix x) {
  for (std::int64_t row = 0; row < x.rows; ++row) {
    for (std::int64_t first = 0; first < x.cols; first += 32) {
      double most = 0;
      for (std::int64_t k = first; k < first + 32; ++k) most = std::max(most, std::abs(x(row, k)));
      for (std::int64_t k = first; k < first + 32; ++k)
        x(row, k) = std::nearbyint(x(row, k) / most * 127) * most / 127;
    }
  }
  return x;
}

Matrix operand_of(quant::Type type, const Matrix& x) {
  return quant::format(type).block_values > 1 ? rounded(x) : x;
}

TEST_P(Panels, GiveTheProductsOfAColumnSplitForAnyNumberOfThreadsAndTokens) {
  std::mt19937 random(1);
  for (const quant::Type type : types) {
    const Stored file(type, random_matrix(150, 160, random));  // nine panels and six rows
    const StoredPart part = file.slice({{3, 150}}, 32, 128);
    Matrix weights(147, 96);
    for (std::int64_t r = 0; r < 147; ++r)
      for (std::int64_t k = 0; k < 96; ++k) weights(r, k) = file.values(r + 3, k + 32);
    for (const std::int64_t tokens : {1, 3, 8, 20}) {
      const Matrix x = random_matrix(tokens, 96, random);
      const Matrix read = operand_of(type, x);
      std::vector<Matrix> results;
      for (const int threads : {1, 2, 3, 7}) {
        Rig rig(kernels(), threads, bytes);
        const ColMatrix w = rig.ops().load_cols(part);
        rig.begin(tokens);
        const Matrix y = rig.output(rig.ops().all_reduce(rig.ops().matmul(w, rig.input(x))));
        // A value that float32 computes a little differently may be rounded the other way, if it is a tie.
        expect_near(y, product(weights, read), product(magnitude(weights), magnitude(read)), 96);
        results.push_back(y);
        EXPECT_EQ(y.values, results.front().values) << threads << " threads";
      }
    }
  }
}

constexpr quant::Type types_of_256[] = {quant::Type::q2_k, quant::Type::q3_k, quant::Type::q4_k,
                                        quant::Type::q5_k, quant::Type::q6_k};

/// How a row of 768 columns, three blocks, is shared by ranks: everywhere that it can be, and in pieces that
/// lie inside a block, fill one, and end or begin inside another.
std::vector<std::vector<std::int64_t>> borders_of_768() {
  std::vector<std::vector<std::int64_t>> all{{0, 64, 128, 192, 256, 512, 768}, {0, 320, 320, 704, 768}};
  for (std::int64_t cut = 0; cut <= 768; cut += 64) all.push_back({0, cut, 768});
  return all;
}

/// The sum of what the ranks add that own the columns between `borders` of `file`.
Matrix sum_over_ranks(const kernels::Kernels& kernels, const Options& options, const Stored& file,
                      const std::vector<std::int64_t>& borders, const Matrix& x) {
  Matrix sum(x.rows, file.values.rows);
  for (std::size_t rank = 0; rank + 1 < borders.size(); ++rank) {
    const std::int64_t first = borders[rank], last = borders[rank + 1];
    Matrix own(x.rows, last - first);
    for (std::int64_t t = 0; t < x.rows; ++t)
      for (std::int64_t k = first; k < last; ++k) own(t, k - first) = x(t, k);
    Rig rig(kernels, 2, options);
    const StoredPart slice = file.slice({{0, file.values.rows}}, first, last);
    const ColMatrix w = rig.ops().load_cols(slice);
    EXPECT_EQ(w.cols, last - first);
    rig.dirty_scratch(x.rows, 768);
    rig.begin(x.rows);
    const Matrix y = rig.output(rig.ops().all_reduce(rig.ops().matmul(w, rig.input(own))));
    for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += y.values[i];
  }
  return sum;
}

TEST_P(Panels, OfRanksThatCutBlocksAddUpToTheWholeProduct) {
  std::mt19937 random(5);
  for (const quant::Type type : types_of_256) {
    const Stored file(type, random_matrix(21, 768, random));
    for (const std::int64_t tokens : {1, 11}) {
      const Matrix x = random_matrix(tokens, 768, random), steps = rounded(x);
      // A K format subtracts a minimum from what is as large.
      Matrix magnitudes = magnitude(file.values);
      for (double& value : magnitudes.values) value += 4;
      for (const auto& borders : borders_of_768()) {
        expect_near(sum_over_ranks(kernels(), bytes, file, borders, x), product(file.values, steps),
                    product(magnitudes, magnitude(steps)), 64);
      }
    }
  }
}

TEST_P(Panels, MultipliedWithFloatsOfRanksThatCutBlocksAddUpToTheWholeProduct) {
  std::mt19937 random(6);
  for (const quant::Type type : types_of_256) {
    const Stored file(type, random_matrix(21, 768, random));
    for (const std::int64_t tokens : {1, 11}) {
      const Matrix x = random_matrix(tokens, 768, random);
      for (const auto& borders : borders_of_768()) {
        expect_near(sum_over_ranks(kernels(), Rig::exact, file, borders, x), product(file.values, x),
                    product(magnitude(file.values), magnitude(x)), 64);
      }
    }
  }
}

TEST_P(Panels, GiveSeveralProductsAtOnce) {
  std::mt19937 random(2);
  const Stored first(quant::Type::q8_0, random_matrix(40, 64, random));
  const Stored second(quant::Type::f32, random_matrix(7, 64, random));
  const Stored third(quant::Type::q4_0, random_matrix(65, 64, random));
  for (const std::int64_t tokens : {1, 30}) {
    const Matrix x = random_matrix(tokens, 64, random);
    for (const int threads : {1, 3}) {
      Rig rig(kernels(), threads, bytes);
      const RowMatrix a = rig.ops().load_rows(first.whole()), b = rig.ops().load_rows(second.whole()),
                      c = rig.ops().load_rows(third.whole()),
                      none = rig.ops().load_rows(first.slice({}, 0, 64));
      const Vector no_bias;
      Activations out[4];
      const Linear all[] = {
          {a, no_bias, &out[0]}, {none, no_bias, &out[1]}, {b, no_bias, &out[2]}, {c, no_bias, &out[3]}};
      rig.begin(tokens);
      const Normed normed = rig.normed(x);
      rig.ops().matmul(all, normed);
      EXPECT_EQ(out[1].width, 0);
      const RowMatrix* each[] = {&a, &none, &b, &c};
      for (const int i : {0, 2, 3}) {
        EXPECT_EQ(rig.output(out[i]).values, rig.output(rig.ops().matmul(*each[i], normed, no_bias)).values)
            << i;
      }
    }
  }
}

TEST_P(Panels, OfAGateGiveTheSameBitsAsItsParts) {
  std::mt19937 random(3);
  const Stored gate(quant::Type::q4_0, random_matrix(90, 64, random)),
      up(quant::Type::q8_0, random_matrix(90, 64, random));
  const Stored bias(quant::Type::f32, random_matrix(1, 90, random));
  for (const std::int64_t tokens : {1, 2, 25}) {
    const Matrix x = random_matrix(tokens, 64, random);
    std::vector<Matrix> results;
    for (const int threads : {1, 2, 5}) {
      Rig rig(kernels(), threads, bytes);
      const RowMatrix g = rig.ops().load_rows(gate.whole()), u = rig.ops().load_rows(up.whole());
      const Vector b = rig.ops().load_vector(bias.whole());
      rig.begin(tokens);
      const Normed normed = rig.normed(x);
      const Matrix y = rig.output(rig.ops().gated(Gate::silu, g, b, u, {}, normed));
      const Matrix a = rig.output(rig.ops().matmul(g, normed, b)),
                   c = rig.output(rig.ops().matmul(u, normed, {}));
      for (std::size_t i = 0; i < y.values.size(); ++i) {
        const double expected = a.values[i] / (1 + std::exp(-a.values[i])) * c.values[i];
        EXPECT_NEAR(y.values[i], expected, 1e-6 * (1 + std::abs(expected)));
      }
      results.push_back(y);
      EXPECT_EQ(y.values, results.front().values) << threads << " threads";
    }
  }
}

TEST_P(Panels, OfNoColumnsAddNothing) {
  std::mt19937 random(4);
  const Stored file(quant::Type::q8_0, random_matrix(20, 64, random));
  Rig rig(kernels(), 2, bytes);
  const ColMatrix w = rig.ops().load_cols(file.slice({{0, 20}}, 32, 32));
  rig.begin(3);
  const Matrix y = rig.output(rig.ops().all_reduce(rig.ops().matmul(w, rig.input(Matrix(3, 0)))));
  EXPECT_EQ(y.values, std::vector<double>(60, 0.0));
}

TEST(PanelMatrix, TakesTheBytesThatWereReckoned) {
  const auto taken = [](quant::Type type, std::int64_t rows, std::int64_t first_col, std::int64_t cols) {
    return panel_matrix_bytes({.type = type, .rows = rows, .first_col = first_col, .cols = cols});
  };
  EXPECT_EQ(taken(quant::Type::q4_0, 64, 0, 256), quant::format(quant::Type::q4_0).bytes(64 * 256));
  EXPECT_EQ(taken(quant::Type::q4_0, 65, 0, 256), quant::format(quant::Type::q4_0).bytes(80 * 256));
  EXPECT_EQ(taken(quant::Type::q4_k, 16, 0, 0), 0u);
  EXPECT_EQ(taken(quant::Type::q4_k, 16, 64, 0), 0u);
  // Of two blocks that are cut, both factors are there as well.
  const std::uint64_t whole = taken(quant::Type::q4_k, 16, 0, 512);
  EXPECT_EQ(taken(quant::Type::q4_k, 16, 0, 192) + taken(quant::Type::q4_k, 16, 192, 128) +
                taken(quant::Type::q4_k, 16, 320, 192),
            whole + std::uint64_t{2} * 16 * 2 * sizeof(std::uint16_t));
}

TEST(Slice, CountsAllBlocksThatItsColumnsTouch) {
  const auto slice = [](quant::Type type, std::int64_t first_col, std::int64_t cols) {
    return Slice{.type = type, .rows = 3, .first_col = first_col, .cols = cols};
  };
  const std::size_t block = quant::format(quant::Type::q6_k).block_bytes;
  EXPECT_EQ(slice(quant::Type::q6_k, 256, 512).row_bytes(), 2 * block);
  EXPECT_EQ(slice(quant::Type::q6_k, 192, 64).row_bytes(), block);
  EXPECT_EQ(slice(quant::Type::q6_k, 192, 128).row_bytes(), 2 * block);
  EXPECT_EQ(slice(quant::Type::q6_k, 192, 128).bytes(), 6 * block);
  EXPECT_EQ(slice(quant::Type::q6_k, 192, 128).cols_before(), 192);
  EXPECT_EQ(slice(quant::Type::q6_k, 192, 128).cols_after(), 192);
  EXPECT_EQ(slice(quant::Type::q6_k, 192, 0).row_bytes(), 0u);
  EXPECT_EQ(slice(quant::Type::q8_0, 32, 96).row_bytes(), quant::format(quant::Type::q8_0).bytes(96));
  EXPECT_EQ(slice(quant::Type::f32, 7, 5).row_bytes(), 20u);
}

}  // namespace
}  // namespace yoke::ops::cpu
