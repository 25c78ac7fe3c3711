#include "ops/cpu/cpu_ops.h"

#include <array>
#include <numbers>

#include "comm/threads.h"
#include "ops/cpu/support.h"

namespace yoke::ops::cpu {
namespace {

class CpuOps : public OnEveryIsa {};
INSTANTIATE_TEST_SUITE_P(Isa, CpuOps, testing::ValuesIn(kernels::available()), isa_name);

/// Rotates pair i of every head, values first(i) and second(i) of it, by position · frequencies[i].
Matrix naive_rope(Matrix x, const std::vector<std::int32_t>& positions, std::int64_t head_dim,
                  const RopeSpec& spec) {
  const auto pairs = static_cast<std::int64_t>(spec.frequencies.size());
  const bool neox = spec.style == RopeStyle::neox;
  const std::int64_t first_rotated = spec.at_end ? head_dim - 2 * pairs : 0;
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t head = first_rotated; head < x.cols; head += head_dim) {
      for (std::int64_t i = 0; i < pairs; ++i) {
        double& first = x(t, head + (neox ? i : 2 * i));
        double& second = x(t, head + (neox ? i + pairs : 2 * i + 1));
        const double angle =
            positions[static_cast<std::size_t>(t)] * spec.frequencies[static_cast<std::size_t>(i)];
        const double cos = std::cos(angle) * static_cast<double>(spec.magnitude);
        const double sin = std::sin(angle) * static_cast<double>(spec.magnitude);
        const double a = first;
        first = a * cos - second * sin;
        second = a * sin + second * cos;
      }
    }
  }
  return x;
}

void expect_rope(const kernels::Kernels& kernels, const RopeSpec& spec, std::int64_t head_dim) {
  std::mt19937 random(1);
  Rig rig(kernels);
  const Rope rope = rig.ops().make_rope(spec);
  const auto pairs = static_cast<std::int64_t>(spec.frequencies.size());
  // The second step has other positions: nothing of the first may be left.
  for (const std::vector<std::int32_t>& positions :
       {std::vector<std::int32_t>{0, 5, 5, 1000}, {7, 2, 63, 64}}) {
    rig.begin(4, {positions, {}, {}, {}});
    for (const std::int64_t heads : {3, 1}) {
      const Matrix x = random_matrix(4, heads * head_dim, random);
      const Matrix y = rig.output(rig.ops().rope(rope, rig.input(x), head_dim));
      Matrix scale(4, x.cols);
      for (double& value : scale.values) value = 6;  // |a| + |b|, but for one pair in millions
      expect_near(y, naive_rope(x, positions, head_dim, spec), scale, 4);
      for (std::int64_t t = 0; t < 4; ++t) {
        for (std::int64_t i = 0; i < x.cols; ++i) {
          const std::int64_t from = spec.at_end ? head_dim - 2 * pairs : 0;
          if (i % head_dim >= from && i % head_dim < from + 2 * pairs) continue;
          ASSERT_EQ(y(t, i), x(t, i)) << "outside of the rotated dimensions";
        }
      }
    }
  }
}

std::vector<double> frequencies(int pairs) {
  std::vector<double> result;
  for (int i = 0; i < pairs; ++i) result.push_back(std::pow(1000.0, -static_cast<double>(i) / pairs));
  return result;
}

TEST_P(CpuOps, NeoxRopePairsTheHalvesOfTheRotatedDimensions) {
  expect_rope(kernels(), {RopeStyle::neox, frequencies(19), 1}, 38);
}

TEST_P(CpuOps, RopeLeavesTheTailOfAHeadAlone) {
  expect_rope(kernels(), {RopeStyle::neox, frequencies(17), 1}, 50);
  expect_rope(kernels(), {RopeStyle::neox, frequencies(3), 1}, 10);
  expect_rope(kernels(), {RopeStyle::interleaved, frequencies(17), 1}, 50);
  expect_rope(kernels(), {RopeStyle::interleaved, frequencies(3), 1}, 10);
}

TEST_P(CpuOps, RopeMayRotateTheLastDimensionsOfAHead) {
  expect_rope(kernels(), {RopeStyle::interleaved, frequencies(3), 1, true}, 10);
  expect_rope(kernels(), {RopeStyle::interleaved, frequencies(16), 1, true}, 48);
  expect_rope(kernels(), {RopeStyle::neox, frequencies(17), 1, true}, 50);
}

TEST_P(CpuOps, RopeScalesWhatItRotatesByItsMagnitude) {
  expect_rope(kernels(), {RopeStyle::neox, frequencies(16), 1.25f}, 40);
  expect_rope(kernels(), {RopeStyle::interleaved, frequencies(16), 1.25f}, 40);
}

TEST_P(CpuOps, HeadNormsNormaliseEachHeadByItself) {
  std::mt19937 random(10);
  const float epsilon = 1e-3f;
  for (const std::int64_t head_dim : {1, 10, 32, 50}) {
    const Stored weight(quant::Type::f32, random_matrix(1, head_dim, random));
    for (const std::int64_t heads : {1, 3}) {
      Matrix x = random_matrix(4, heads * head_dim, random);
      for (std::int64_t i = 0; i < x.cols; ++i) x(2, i) *= 1e-4;  // no larger than epsilon
      Matrix expected = x;
      for (std::int64_t t = 0; t < x.rows; ++t) {
        for (std::int64_t head = 0; head < heads; ++head) {
          const Matrix normed =
              normalised(part(x, {t}, head * head_dim, (head + 1) * head_dim), static_cast<double>(epsilon));
          for (std::int64_t i = 0; i < head_dim; ++i)
            expected(t, head * head_dim + i) = normed(0, i) * weight.values(0, i);
        }
      }
      Rig rig(kernels());
      const Vector w = rig.ops().load_vector(weight.whole());
      rig.begin(4);
      const Matrix y = rig.output(rig.ops().rms_norm_heads(rig.input(x), w, epsilon));
      expect_near(y, expected, magnitude(expected), static_cast<double>(head_dim) / 16 + 8);
    }
  }
}

TEST_P(CpuOps, HeadNormsMayDoWithoutWeights) {
  std::mt19937 random(18);
  const float epsilon = 1e-3f;
  for (const std::int64_t head_dim : {1, 10, 32, 50}) {
    for (const std::int64_t heads : {0, 1, 3}) {
      const Matrix x = random_matrix(4, heads * head_dim, random);
      Matrix expected = x;
      for (std::int64_t t = 0; t < x.rows; ++t) {
        for (std::int64_t first = 0; first < x.cols; first += head_dim) {
          const Matrix normed =
              normalised(part(x, {t}, first, first + head_dim), static_cast<double>(epsilon));
          for (std::int64_t i = 0; i < head_dim; ++i) expected(t, first + i) = normed(0, i);
        }
      }
      Rig rig(kernels());
      rig.begin(4);
      const Matrix y = rig.output(rig.ops().rms_norm_heads(rig.input(x), head_dim, epsilon));
      expect_near(y, expected, magnitude(expected), static_cast<double>(head_dim) / 16 + 8);
    }
  }
}

TEST_P(CpuOps, AFactorGrowsWithThePosition) {
  // Llama 4's: 0.1 · ln(⌊(p + 1) / 8192⌋ + 1) + 1.
  const std::vector<std::int32_t> positions = {0, 8190, 8191, 16382, 16383, 1'000'000};
  const std::vector<double> factors = {
      1, 1, 1 + 0.1 * std::log(2), 1 + 0.1 * std::log(2), 1 + 0.1 * std::log(3), 1 + 0.1 * std::log(123)};
  std::mt19937 random(19);
  const Matrix x = random_matrix(6, 20, random);
  Matrix expected = x;
  for (std::int64_t t = 0; t < 6; ++t)
    for (std::int64_t i = 0; i < 20; ++i) expected(t, i) *= factors[static_cast<std::size_t>(t)];
  Rig rig(kernels());
  rig.begin(6, {positions, {}, {}, {}});
  const PositionScale by{.slope = 0.1, .length = 8192, .offset = 1};
  expect_near(rig.output(rig.ops().scale_by_position(rig.input(x), by)), expected, magnitude(x), 2);
  EXPECT_EQ(rig.output(rig.ops().scale_by_position(rig.input(x), {})).values, x.values);
}

TEST_P(CpuOps, ANormOfTheFirstValuesLeavesTheOthersAlone) {
  std::mt19937 random(12);
  const Stored weight(quant::Type::f32, random_matrix(1, 40, random));
  for (const std::int64_t width : {40, 41, 57}) {
    const Matrix x = random_matrix(4, width, random);
    Rig rig(kernels());
    const Vector w = rig.ops().load_vector(weight.whole());
    rig.begin(4);
    const Matrix y = rig.output(rig.ops().rms_norm_first(rig.input(x), w, 1e-3f));
    Matrix expected = x;
    for (std::int64_t t = 0; t < x.rows; ++t) {
      const Matrix normed = normalised(part(x, {t}, 0, 40), static_cast<double>(1e-3f));
      for (std::int64_t i = 0; i < 40; ++i) expected(t, i) = normed(0, i) * weight.values(0, i);
      for (std::int64_t i = 40; i < width; ++i) EXPECT_EQ(y(t, i), x(t, i));
    }
    expect_near(y, expected, magnitude(expected), 8);
  }
}

TEST(HeadNorms, AreTheSameBitsOnEveryInstructionSet) {
  const auto run = [](const kernels::Kernels& kernels) {
    std::mt19937 random(11);
    Rig rig(kernels);
    const Vector w = rig.ops().load_vector(Stored(quant::Type::f32, random_matrix(1, 77, random)).whole());
    rig.begin(5);
    return rig.output(rig.ops().rms_norm_heads(rig.input(random_matrix(5, 3 * 77, random)), w, 1e-5f));
  };
  for (const kernels::Kernels* kernels : kernels::available())
    EXPECT_EQ(run(*kernels).values, run(kernels::named("scalar")).values) << kernels->isa;
}

TEST_P(CpuOps, GatedIsTheSiluOfTheGateTimesTheUp) {
  std::mt19937 random(2);
  const std::int64_t dim = 24;
  const std::int64_t ffn = 1399;  // times 5 tokens: every thread has values
  const Matrix x = random_matrix(5, dim, random);
  const Matrix n = normalised(x, Rig::norm_epsilon);
  const Stored gate(quant::Type::f32, random_matrix(ffn, dim, random));
  const Stored up(quant::Type::f32, random_matrix(ffn, dim, random));
  const Stored gate_bias(quant::Type::f32, random_matrix(ffn, 1, random));
  const Stored up_bias(quant::Type::f32, random_matrix(ffn, 1, random));
  for (const bool with_biases : {false, true}) {
    Matrix expected(5, ffn);
    Matrix scale(5, ffn);
    const Matrix g = product(gate.values, n);
    const Matrix u = product(up.values, n);
    const Matrix g_size = product(magnitude(gate.values), magnitude(n));
    const Matrix u_size = product(magnitude(up.values), magnitude(n));
    for (std::int64_t t = 0; t < 5; ++t) {
      for (std::int64_t i = 0; i < ffn; ++i) {
        const double a = g(t, i) + (with_biases ? gate_bias.values(i, 0) : 0);
        const double b = u(t, i) + (with_biases ? up_bias.values(i, 0) : 0);
        expected(t, i) = a / (1 + std::exp(-a)) * b;
        scale(t, i) = (g_size(t, i) + 3) * (u_size(t, i) + 3);  // silu's slope is at most 1.1
      }
    }
    for (const int threads : {1, 3}) {
      Rig rig(kernels(), threads);
      Ops& ops = rig.ops();
      const RowMatrix w = ops.load_rows(gate.whole());
      const RowMatrix v = ops.load_rows(up.whole());
      const Vector c = with_biases ? ops.load_vector(gate_bias.whole()) : Vector{};
      const Vector d = with_biases ? ops.load_vector(up_bias.whole()) : Vector{};
      rig.begin(5);
      expect_near(rig.output(ops.gated(Gate::silu, w, c, v, d, rig.normed(x))), expected, scale, 16);
    }
  }
}

/// x minus its mean, over the square root of its variance, of columns [first, first + n) of a row.
std::vector<double> layer_normalised(const Matrix& x, std::int64_t row, std::int64_t first, std::int64_t n,
                                     double epsilon) {
  double mean = 0, variance = 0;
  for (std::int64_t i = 0; i < n; ++i) mean += x(row, first + i) / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i)
    variance += std::pow(x(row, first + i) - mean, 2) / static_cast<double>(n);
  std::vector<double> out;
  for (std::int64_t i = 0; i < n; ++i)
    out.push_back((x(row, first + i) - mean) / std::sqrt(variance + epsilon));
  return out;
}

TEST_P(CpuOps, LayerNormOfHeadsHasAWeightForEveryHead) {
  std::mt19937 random(12);
  const float epsilon = 1e-3f;
  for (const std::int64_t head_dim : {1, 10, 32, 50}) {
    for (const std::int64_t heads : {1, 3}) {
      const Stored weight(quant::Type::f32, random_matrix(heads, head_dim, random));
      const Matrix x = random_matrix(4, heads * head_dim, random);
      Matrix expected(4, x.cols);
      Matrix scale(4, x.cols);
      for (std::int64_t t = 0; t < x.rows; ++t) {
        for (std::int64_t head = 0; head < heads; ++head) {
          const std::vector<double> normed =
              layer_normalised(x, t, head * head_dim, head_dim, static_cast<double>(epsilon));
          for (std::int64_t i = 0; i < head_dim; ++i) {
            const double w = weight.values(head, i);
            expected(t, head * head_dim + i) = normed[static_cast<std::size_t>(i)] * w;
            scale(t, head * head_dim + i) = 6 * std::abs(w);  // |x| + |mean|, over the deviation
          }
        }
      }
      Rig rig(kernels());
      const Vector w = rig.ops().load_vector(weight.whole());
      rig.begin(4);
      const Activations normed = rig.ops().layer_norm_heads(rig.input(x), w, head_dim, epsilon);
      expect_near(rig.output(normed), expected, scale, static_cast<double>(head_dim) / 16 + 8);
    }
  }
}

TEST_P(CpuOps, ANormOfAWidthThatRanksShareCountsWhatSeveralHoldOnce) {
  // Two values, of widths 23 and 12. Ranks own runs of the first, and overlapping runs of the second, of
  // which each counts a part; one rank owns nothing.
  struct Share {
    std::int64_t begin, end, second_begin, second_end, counted_begin, counted_end;
  };
  const std::vector<std::vector<Share>> divisions = {
      {{0, 23, 0, 12, 0, 12}},
      {{0, 9, 0, 8, 0, 8}, {9, 23, 4, 12, 8, 12}},
      {{0, 20, 0, 12, 0, 12}, {20, 23, 8, 12, 8, 8}, {23, 23, 12, 12, 12, 12}},
  };
  std::mt19937 random(13);
  const float epsilon = 1e-3f;
  const Matrix x = random_matrix(4, 23, random);
  const Matrix y = random_matrix(4, 12, random);
  const Stored x_weight(quant::Type::f32, random_matrix(23, 1, random));
  const Stored y_weight(quant::Type::f32, random_matrix(12, 1, random));
  const auto weighted = [&](const Matrix& m, const Stored& weight) {
    Matrix out = normalised(m, static_cast<double>(epsilon));
    for (std::int64_t t = 0; t < out.rows; ++t)
      for (std::int64_t i = 0; i < out.cols; ++i) out(t, i) *= weight.values(i, 0);
    return out;
  };
  const Matrix x_expected = weighted(x, x_weight);
  const Matrix y_expected = weighted(y, y_weight);
  const std::vector<std::int64_t> all = {0, 1, 2, 3};
  for (const std::vector<Share>& shares : divisions) {
    comm::run_ranks(static_cast<int>(shares.size()), [&](comm::Comm& comm) {
      const auto& [begin, end, second_begin, second_end, counted_begin, counted_end] =
          shares[static_cast<std::size_t>(comm.rank())];
      Rig rig(kernels(), comm);
      Ops& ops = rig.ops();
      const Vector a = ops.load_vector(x_weight.slice({{begin, end}}, 0, 1));
      const Vector b = ops.load_vector(y_weight.slice({{second_begin, second_end}}, 0, 1));
      rig.begin(4);
      const Activations first = rig.input(part(x, all, begin, end));
      const Activations second = rig.input(part(y, all, second_begin, second_end));
      const SplitNorm norms[] = {
          {first, a, 0, first.width, 23},
          {second, b, counted_begin - second_begin, counted_end - counted_begin, 12},
      };
      ops.rms_norm_split(norms, epsilon);
      const Matrix x_part = part(x_expected, all, begin, end);
      const Matrix y_part = part(y_expected, all, second_begin, second_end);
      expect_near(rig.output(first), x_part, magnitude(x_part), 16);
      expect_near(rig.output(second), y_part, magnitude(y_part), 16);
    });
  }
}

TEST_P(CpuOps, AnUnnormedValueIsMultipliedAsItIs) {
  std::mt19937 random(14);
  const Stored matrix(quant::Type::f32, random_matrix(31, 24, random));
  const Matrix x = random_matrix(5, 24, random);
  Rig rig(kernels());
  const RowMatrix w = rig.ops().load_rows(matrix.whole());
  rig.begin(5);
  const Matrix y = rig.output(rig.ops().matmul(w, rig.ops().unnormed(rig.input(x)), {}));
  expect_near(y, product(matrix.values, x), product(magnitude(matrix.values), magnitude(x)), 16);
}

TEST_P(CpuOps, GeluIsThatOfTheTanhFormula) {
  std::mt19937 random(15);
  for (const std::int64_t width : {1, 63, 64, 65, 200}) {
    Matrix x = random_matrix(3, width, random);
    for (std::int64_t i = 0; i < width; ++i) x(1, i) *= 8;  // past where it bends
    Matrix expected(3, width);
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      const double v = x.values[i];
      expected.values[i] =
          v / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
    }
    Rig rig(kernels());
    rig.begin(3);
    expect_near(rig.output(rig.ops().gelu(rig.input(x))), expected, magnitude(x), 16);
  }
}

TEST_P(CpuOps, ASigmoidScalesEachTokenByItsOwnScore) {
  std::mt19937 random(16);
  for (const std::int64_t width : {0, 1, 70}) {
    const Matrix x = random_matrix(4, width, random);
    Matrix score(4, 1);
    score.values = {-100, -1.5, 0, 100};
    Matrix expected = x;
    for (std::int64_t t = 0; t < 4; ++t)
      for (std::int64_t i = 0; i < width; ++i) expected(t, i) /= 1 + std::exp(-score(t, 0));
    Rig rig(kernels());
    rig.begin(4);
    const Activations scaled = rig.ops().scale_by_sigmoid(rig.input(x), rig.input(score));
    expect_near(rig.output(scaled), expected, magnitude(x), 4);
  }
}

TEST(Positions, HaveTheirRowsOfTheTable) {
  std::mt19937 random(17);
  const Stored table(quant::Type::f32, random_matrix(9, 20, random));
  Rig rig(kernels::best());
  const Embedding positions = rig.ops().load_embedding(table.whole());
  for (const std::vector<std::int32_t>& at : {std::vector<std::int32_t>{0, 1, 8}, {5, 5, 2}}) {
    rig.begin(3, {at, {}, {}, {}});
    const std::vector<std::int64_t> rows(at.begin(), at.end());
    EXPECT_EQ(rig.output(rig.ops().embed_positions(positions)).values,
              part(table.values, rows, 0, 20).values);
  }
}

TEST(Wanted, AreTheRowsWhoseLogitsAreAskedForInTheirOrder) {
  std::mt19937 random(3);
  const Matrix x = random_matrix(5, 7, random);
  Rig rig(kernels::best());
  rig.begin(5, {{}, {}, {{1, 3, 4}}, {}});
  EXPECT_EQ(rig.output(rig.ops().wanted(rig.input(x))).values, part(x, {1, 3, 4}, 0, 7).values);
  rig.begin(5);
  EXPECT_EQ(rig.output(rig.ops().wanted(rig.input(x))).values, x.values);
}

TEST(Wanted, MayBeNone) {
  std::mt19937 random(4);
  Rig rig(kernels::best());
  rig.begin(5, {{}, {}, std::vector<std::int32_t>(), {}});
  const Activations none = rig.ops().wanted(rig.input(random_matrix(5, 7, random)));
  EXPECT_EQ(none.tokens, 0);
  EXPECT_EQ(none.width, 7);
  EXPECT_EQ(rig.output(none).rows, 0);
}

TEST(Concat, PutsEachTokensValuesBehindEachOther) {
  Rig rig(kernels::best());
  std::mt19937 random(1);
  const Matrix x = random_matrix(5, 7, random), y = random_matrix(5, 3, random);
  rig.begin(5);
  const Matrix both = rig.output(rig.ops().concat(rig.input(x), rig.input(y)));
  ASSERT_EQ(both.cols, 10);
  for (std::int64_t t = 0; t < 5; ++t) {
    for (std::int64_t i = 0; i < 10; ++i) EXPECT_EQ(both(t, i), i < 7 ? x(t, i) : y(t, i - 7));
  }
}

TEST(Write, TakesRowsOfHostMemoryWhateverLiesBetweenThem) {
  Rig rig(kernels::best());
  const std::vector<float> values = {1, 2, 3, -1, 4, 5, 6, -1};
  rig.begin(2);
  const Matrix taken = rig.output(rig.ops().write({values.data(), 2, 3, 4}));
  EXPECT_EQ(taken.values, (std::vector<double>{1, 2, 3, 4, 5, 6}));
}

TEST(KvCacheBytes, AreThoseOfTheKeysAndValuesOfEveryPage) {
  Rig rig(kernels::best());
  EXPECT_EQ(rig.ops().kv_cache_bytes({12, 3, 0, 0, 4, 10, 6}, {.pages = 5}, 0), 5 * 64 * 3 * (10 + 16) * 2);
  EXPECT_EQ(rig.ops().kv_cache_bytes({0, 0, 0, 0, 4, 10, 6}, {.pages = 5}, 0), 0);
  const std::int64_t huge = std::int64_t{1} << 32;
  EXPECT_EQ(rig.ops().kv_cache_bytes({huge, huge, 0, 0, 1, huge, huge}, {.pages = huge}, 0),
            std::numeric_limits<std::uint64_t>::max());
}

TEST(KvCacheBytes, OfKeysThatHoldTheirValuesAreThoseOfTheKeys) {
  const Heads heads{
      .n_heads = 128, .n_kv_heads = 1, .group = 128, .k_dim = 576, .v_dim = 512, .keys_hold_values = true};
  Rig rig(kernels::best(), 1, {.kv_type = kernels::KvType::f16});
  EXPECT_EQ(rig.ops().kv_cache_bytes(heads, {.pages = 3}, 0), 3 * 64 * 576 * 2);
}

TEST(ActivationBytes, CoverTheLargestStepSoFar) {
  std::mt19937 random(9);
  Rig rig(kernels::best());
  const auto step = [&](std::int64_t tokens) {
    rig.begin(tokens);
    rig.ops().carry_over(rig.input(random_matrix(tokens, 100, random)));
    rig.output(rig.input(random_matrix(tokens, 300, random)));
    return rig.ops().activation_bytes();
  };
  EXPECT_GE(step(50), 50 * (100 + 300 + 300) * sizeof(float));
  EXPECT_GE(step(2), 50 * (100 + 300 + 300) * sizeof(float));
}

TEST(CarryOver, KeepsXWhileTheNextLayersTakeTheScratch) {
  std::mt19937 random(5);
  Rig rig(kernels::best());
  for (const std::int64_t tokens : {3, 40, 2}) {  // a step may be larger than all before it
    rig.begin(tokens);
    Matrix expected = random_matrix(tokens, 33, random);
    Activations x = rig.input(expected);
    for (int layer = 0; layer < 4; ++layer) {
      x = rig.ops().carry_over(x);
      EXPECT_EQ(x.tokens, tokens);
      EXPECT_EQ(x.width, 33);
      Matrix y = random_matrix(tokens, 33, random);
      for (double& value : y.values) value = std::round(value * 8);
      for (int i = 0; i < 5; ++i) rig.input(random_matrix(tokens, 50, random));
      EXPECT_EQ(rig.output(x).values, expected.values) << "after layer " << layer;
      x = rig.ops().add(x, rig.input(y));
      for (std::size_t i = 0; i < expected.values.size(); ++i)
        expected.values[i] = static_cast<float>(expected.values[i]) + static_cast<float>(y.values[i]);
    }
    EXPECT_EQ(rig.output(rig.ops().carry_over(x)).values, expected.values);
  }
}

/// Ranks' widths of a split dimension, some of them nothing.
const std::vector<std::vector<std::int64_t>> splits = {{23},       {23, 0},    {0, 23},       {5, 18},
                                                       {0, 20, 3}, {7, 0, 16}, {0, 0, 23, 0}, {1, 9, 0, 13}};

TEST_P(CpuOps, ALogitIsTheSameHoweverTheVocabularyIsSplitAndTheRowsAreCut) {
  std::mt19937 random(6);
  const Stored output(quant::Type::f32, random_matrix(23, 20, random));
  const Matrix x = random_matrix(4, 20, random);
  const Matrix n = normalised(x, Rig::norm_epsilon);
  Rig whole(kernels());
  const RowMatrix all = whole.ops().load_rows(output.whole());
  whole.begin(4);
  const Matrix expected = whole.output(whole.ops().matmul(all, whole.normed(x), {}));
  expect_near(expected, product(output.values, n), product(magnitude(output.values), magnitude(n)), 16);
  for (const auto& [begin, end] : {std::pair{0, 5}, {5, 23}, {23, 23}}) {
    Rig rig(kernels());
    Ops& ops = rig.ops();
    const RowMatrix w = ops.load_rows(output.slice({{begin, end}}, 0, 20));
    rig.begin(4);
    const Activations y = ops.matmul(w, rig.normed(x), {});
    for (const auto& [first, rows] : {std::pair{0, 3}, {3, 1}, {4, 0}}) {
      std::vector<std::int64_t> which(rows);
      std::iota(which.begin(), which.end(), first);
      EXPECT_EQ(rig.output(ops.rows(y, first, rows)).values, part(expected, which, begin, end).values);
    }
  }
}

TEST(Read, GivesTheCallerValuesToChange) {
  std::mt19937 random(7);
  Rig rig(kernels::best());
  rig.begin(2);
  const Activations x = rig.input(random_matrix(2, 5, random));
  rig.ops().read(x)(1, 3) = 42;
  EXPECT_EQ(rig.output(x)(1, 3), 42);
}

// A layer of two matrices, the first split by rows and the second by columns, as every layer of a model is.
TEST_P(CpuOps, AllReduceAddsTheRanksPartialsToTheSameBitsOnEach) {
  std::mt19937 random(8);
  const Stored first(quant::Type::f32, random_matrix(23, 20, random));
  const Stored second(quant::Type::f32, random_matrix(11, 23, random));
  const Matrix x = random_matrix(4, 20, random);
  const Matrix n = normalised(x, Rig::norm_epsilon);
  const Matrix expected = product(second.values, product(first.values, n));
  const Matrix scale = product(magnitude(second.values), product(magnitude(first.values), magnitude(n)));
  for (const std::vector<std::int64_t>& widths : splits) {
    std::vector<Matrix> sums(widths.size(), Matrix(0, 0));
    comm::run_ranks(static_cast<int>(widths.size()), [&](comm::Comm& comm) {
      const auto rank = static_cast<std::size_t>(comm.rank());
      const std::int64_t begin =
          std::accumulate(widths.begin(), widths.begin() + comm.rank(), std::int64_t{0});
      const std::int64_t end = begin + widths[rank];
      Rig rig(kernels(), comm);
      Ops& ops = rig.ops();
      const RowMatrix rows = ops.load_rows(first.slice({{begin, end}}, 0, 20));
      const ColMatrix cols = ops.load_cols(second.slice({{0, 11}}, begin, end));
      rig.dirty_scratch(4, 32);
      rig.begin(4);
      const Activations hidden = ops.matmul(rows, rig.normed(x), {});
      EXPECT_EQ(hidden.width, widths[rank]);
      sums[rank] = rig.output(ops.all_reduce(ops.matmul(cols, hidden)));
    });
    for (const Matrix& sum : sums) {
      expect_near(sum, expected, scale, 16);
      EXPECT_EQ(sum.values, sums[0].values);
    }
  }
}

class Nothing : public OnEveryIsa {
 protected:
  static Matrix zeros(std::int64_t rows, std::int64_t cols) { return {rows, cols}; }
  static Matrix ones(std::int64_t rows, std::int64_t cols) {
    Matrix m(rows, cols);
    std::fill(m.values.begin(), m.values.end(), 1.0);
    return m;
  }
  /// What this rank adds where it owns no column of a (dim, width) matrix.
  static Matrix addend(Rig& rig, const Stored& matrix, Activations nothing) {
    const ColMatrix w = rig.ops().load_cols(matrix.slice({{0, matrix.values.rows}}, 0, 0));
    return rig.output(rig.ops().all_reduce(rig.ops().matmul(w, nothing)));
  }

  Stored into_ = Stored(quant::Type::f32, ones(40, 24));     // rows a rank owns none of
  Stored out_of_ = Stored(quant::Type::q8_0, ones(24, 64));  // columns a rank owns none of
};
INSTANTIATE_TEST_SUITE_P(Isa, Nothing, testing::ValuesIn(kernels::available()), isa_name);

TEST_P(Nothing, OfTheFeedForwardUnitsAddsZeros) {
  for (const int threads : {1, 3}) {
    Rig rig(kernels(), threads);
    const RowMatrix none = rig.ops().load_rows(into_.slice({{40, 40}}, 0, 24));
    const Vector no_bias = rig.ops().load_vector(Stored(quant::Type::f32, zeros(0, 1)).whole());
    rig.dirty_scratch(5, 40);
    rig.begin(5);
    const Activations hidden = rig.ops().gated(Gate::silu, none, no_bias, none, {}, rig.normed(ones(5, 24)));
    EXPECT_EQ(hidden.width, 0);
    EXPECT_EQ(addend(rig, out_of_, hidden).values, zeros(5, 24).values);
  }
}

TEST_P(Nothing, OfTheHeadsAddsZeros) {
  const Heads heads{0, 0, 6, 2, 3, 10, 6};
  for (const int threads : {1, 3}) {
    Rig rig(kernels(), threads);
    Ops& ops = rig.ops();
    const RowMatrix none = ops.load_rows(into_.slice({{40, 40}}, 0, 24));
    const Rope rope = ops.make_rope({RopeStyle::interleaved, frequencies(3), 1});
    KvCache cache = ops.make_kv_cache(heads, {.pages = 1, .slots = 1, .step_tokens = 5}, 0);
    rig.dirty_scratch(5, 40);
    rig.begin(5);
    const Normed x = rig.normed(ones(5, 24));
    const Activations q = ops.rope(rope, ops.matmul(none, x, {}), 10);
    const Activations attended =
        ops.attend(heads, cache, q, ops.matmul(none, x, {}), ops.matmul(none, x, {}), {});
    EXPECT_EQ(attended.width, 0);
    EXPECT_EQ(addend(rig, out_of_, attended).values, zeros(5, 24).values);
  }
}

}  // namespace
}  // namespace yoke::ops::cpu
