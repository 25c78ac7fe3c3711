#include "ops/cpu/cpu_experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support.h"

namespace yoke::ops::cpu {
namespace {

constexpr std::int64_t n_experts = 5, dim = 64;

/// Experts of 96 units, of which this rank has other ranges of each, nothing of the third.
struct Layer {
  struct Range {
    std::int64_t begin, end;
  };
  static constexpr std::int64_t units = 96;
  const std::vector<Range> ranges = {{0, 64}, {64, 96}, {32, 32}, {0, 96}, {32, 64}};
  std::vector<Stored> gate, up, down;

  explicit Layer(quant::Type type) {
    std::mt19937 random(11);
    for (std::int64_t e = 0; e < n_experts; ++e) {
      gate.emplace_back(type, random_matrix(units, dim, random));
      up.emplace_back(type, random_matrix(units, dim, random));
      down.emplace_back(type, random_matrix(dim, units, random));
    }
  }

  std::vector<StoredPart> rows_of(const std::vector<Stored>& matrices) const {
    std::vector<StoredPart> parts;
    for (std::size_t e = 0; e < matrices.size(); ++e)
      parts.push_back(matrices[e].slice({{ranges[e].begin, ranges[e].end}}, 0, dim));
    return parts;
  }
  std::vector<StoredPart> cols_of(const std::vector<Stored>& matrices) const {
    std::vector<StoredPart> parts;
    for (std::size_t e = 0; e < matrices.size(); ++e)
      parts.push_back(matrices[e].slice({{0, dim}}, ranges[e].begin, ranges[e].end));
    return parts;
  }
};

std::vector<Slice> slices(const std::vector<StoredPart>& parts) { return {parts.begin(), parts.end()}; }

/// Scores that send token t to the experts t and t + 1, modulo all, with equal weights.
Matrix scores_of(std::int64_t tokens) {
  Matrix scores(tokens, n_experts);
  for (std::int64_t t = 0; t < tokens; ++t) {
    scores(t, t % n_experts) = 3;
    scores(t, (t + 1) % n_experts) = 3;
  }
  return scores;
}

struct Case {
  const char* name;
  quant::Type type;
  kernels::ActivationType activations;
};

class Experts : public testing::TestWithParam<Case> {
 protected:
  void expect_sums(bool weighs_inputs);

  const Layer layer_{GetParam().type};

  Matrix run(std::string_view isa, int threads, const Matrix& x, const Matrix& scores, const Matrix& biases,
             bool weighs_inputs = false) {
    Rig rig(kernels::named(isa), threads,
            {.kv_type = kernels::KvType::f32, .activations = GetParam().activations});
    const std::vector<StoredPart> gates = layer_.rows_of(layer_.gate), ups = layer_.rows_of(layer_.up),
                                  downs = layer_.cols_of(layer_.down);
    const RowExperts gate = rig.ops().load_row_experts(slices(gates));
    const RowExperts up = rig.ops().load_row_experts(slices(ups));
    const ColExperts down = rig.ops().load_col_experts(slices(downs));
    const Stored stored(quant::Type::f32, biases);
    const Vector bias = rig.ops().load_vector(stored.whole());
    rig.begin(x.rows);
    const Normed normed = rig.normed(x);
    const Routing routing = rig.ops().route(rig.input(scores), {.used = 2, .normalised = true}, {});
    return rig.output(rig.ops().all_reduce(rig.ops().experts({.gate = gate,
                                                              .gate_bias = bias,
                                                              .up = up,
                                                              .up_bias = {},
                                                              .down = down,
                                                              .kind = Gate::silu,
                                                              .weighs_inputs = weighs_inputs},
                                                             normed, routing)));
  }
};

/// A bias for every unit that the rank has, one expert after the other.
Matrix biases_of(const Layer& layer) {
  std::int64_t n = 0;
  for (const Layer::Range& range : layer.ranges) n += range.end - range.begin;
  std::mt19937 random(12);
  return random_matrix(1, n, random);
}

/// Compares with the definition, where each of a token's two experts has half the weight.
void Experts::expect_sums(bool weighs_inputs) {
  std::mt19937 random(13);
  const Matrix biases = biases_of(layer_);
  const double input_weight = weighs_inputs ? 0.5 : 1, output_weight = weighs_inputs ? 1 : 0.5;
  for (const std::int64_t tokens : {1, 2, 3, 8, 70}) {
    const Matrix x = random_matrix(tokens, dim, random);
    const Matrix seen = normalised(x, Rig::norm_epsilon);
    const Matrix found = run("scalar", 2, x, scores_of(tokens), biases, weighs_inputs);
    for (std::int64_t t = 0; t < tokens; ++t) {
      std::vector<double> expected(dim, 0.0), scale(dim, 0.0);
      for (const std::int64_t e : {t % n_experts, (t + 1) % n_experts}) {
        std::int64_t first_bias = 0;
        for (std::int64_t before = 0; before < e; ++before)
          first_bias += layer_.ranges[before].end - layer_.ranges[before].begin;
        for (std::int64_t u = layer_.ranges[e].begin; u < layer_.ranges[e].end; ++u) {
          double g = biases(0, first_bias + u - layer_.ranges[e].begin), v = 0;
          double gate_magnitude = std::abs(g), up_magnitude = 0;
          for (std::int64_t k = 0; k < dim; ++k) {
            g += layer_.gate[e].values(u, k) * input_weight * seen(t, k);
            v += layer_.up[e].values(u, k) * input_weight * seen(t, k);
            gate_magnitude += std::abs(layer_.gate[e].values(u, k) * seen(t, k));
            up_magnitude += std::abs(layer_.up[e].values(u, k) * seen(t, k));
          }
          const double hidden = g / (1 + std::exp(-g)) * v;
          for (std::int64_t r = 0; r < dim; ++r) {
            expected[r] += output_weight * layer_.down[e].values(r, u) * hidden;
            scale[r] += 0.5 * std::abs(layer_.down[e].values(r, u)) * gate_magnitude * up_magnitude;
          }
        }
      }
      // As bytes, inputs err by 1/254 of the largest of 32, in both steps.
      const double tolerance =
          GetParam().activations == kernels::ActivationType::q8 ? 1e-2 : 4 * float_epsilon;
      for (std::int64_t r = 0; r < dim; ++r)
        ASSERT_NEAR(found(t, r), expected[r], tolerance * scale[r]) << tokens << " tokens, " << t;
    }
  }
}

TEST_P(Experts, AddUpWhatTheirPartsMakeOfTheTokensThatComeToThem) { expect_sums(false); }

TEST_P(Experts, ReadWeighedTokensWhereInputsAreWeighed) { expect_sums(true); }

TEST_P(Experts, GiveTheSameBitsOnEveryInstructionSetAndForAnyThreadsAndNeighbours) {
  std::mt19937 random(14);
  const Matrix biases = biases_of(layer_);
  const Matrix x = random_matrix(70, dim, random);
  const Matrix all = run("scalar", 1, x, scores_of(70), biases);
  const Matrix weighed = run("scalar", 1, x, scores_of(70), biases, true);
  for (const kernels::Kernels* kernels : kernels::available()) {
    for (const int threads : {1, 2, 5}) {
      ASSERT_EQ(run(kernels->isa, threads, x, scores_of(70), biases).values, all.values) << kernels->isa;
      ASSERT_EQ(run(kernels->isa, threads, x, scores_of(70), biases, true).values, weighed.values)
          << kernels->isa;
    }
    for (const std::int64_t tokens : {1, 5, 20}) {  // multiples of the experts, so that scores are the same
      const std::int64_t n = tokens == 1 ? 1 : tokens / n_experts * n_experts;
      const Matrix few = run(kernels->isa, 2,
                             part(
                                 x,
                                 [&] {
                                   std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
                                   std::iota(rows.begin(), rows.end(), 0);
                                   return rows;
                                 }(),
                                 0, dim),
                             scores_of(n), biases);
      const std::vector<double> expected(all.values.begin(), all.values.begin() + n * dim);
      ASSERT_EQ(few.values, expected) << kernels->isa << ' ' << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Experts,
                         testing::Values(Case{"Floats", quant::Type::f32, kernels::ActivationType::f32},
                                         Case{"PackedFloats", quant::Type::f32, kernels::ActivationType::q8},
                                         Case{"Rows", quant::Type::q8_0, kernels::ActivationType::f32},
                                         Case{"Panels", quant::Type::q8_0, kernels::ActivationType::q8}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace yoke::ops::cpu
