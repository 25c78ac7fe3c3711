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
      const Matrix y = rig.output(rig.ops().gated(g, b, u, {}, normed));
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
  EXPECT_EQ(panel_matrix_bytes(quant::Type::q4_0, 64, 256), quant::format(quant::Type::q4_0).bytes(64 * 256));
  EXPECT_EQ(panel_matrix_bytes(quant::Type::q4_0, 65, 256), quant::format(quant::Type::q4_0).bytes(80 * 256));
  EXPECT_EQ(panel_matrix_bytes(quant::Type::q4_k, 16, 0), 0u);
}

}  // namespace
}  // namespace yoke::ops::cpu
