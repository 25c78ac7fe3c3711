#include "ops/cpu/cpu_latents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "ops/cpu/support.h"

namespace yoke::ops::cpu {
namespace {

// Positions before which tokens take the expanded form: all, some of each sequence, none.
constexpr std::int32_t all = 600, some = 100, none = 0;

/// Heads of latent attention, and how they are stored.
struct Shape {
  std::int64_t n_heads, rank, made, rotated, v_dim;
  quant::Type type = quant::Type::f32;
  Options options{.kv_type = kernels::KvType::f32, .activations = kernels::ActivationType::f32};

  Heads heads() const {
    return {.n_heads = n_heads,
            .n_kv_heads = n_heads > 0 ? 1 : 0,
            .group = std::max<std::int64_t>(1, n_heads),
            .k_dim = rank + rotated,
            .v_dim = rank,
            .keys_hold_values = true};
  }
};
constexpr float scale = 0.2f;

/// How many tokens of each of two sequences a step has.
using Cut = std::vector<std::pair<int, int>>;
/// Steps that cross the pages' borders: long and short ones, of one sequence and of both.
const Cut mixed = {{60, 0}, {10, 64}, {0, 1}, {30, 45}, {1, 1}, {49, 0}, {450, 39}};
Cut only(int sequence) {
  Cut cut;
  for (const auto& [first, second] : mixed) {
    const int n = sequence == 0 ? first : second;
    if (n > 0) cut.push_back(sequence == 0 ? std::pair{n, 0} : std::pair{0, n});
  }
  return cut;
}
constexpr int lengths[] = {600, 150};

/// Two sequences on pages in no order, and the matrices of the heads.
struct Conversation {
  explicit Conversation(const Shape& shape_)
      : shape(shape_),
        k_b(shape.type, random_matrix(shape.n_heads * shape.rank, shape.made, random)),
        v_b(shape.type, random_matrix(shape.n_heads * shape.v_dim, shape.rank, random)) {
    for (const int length : lengths) {
      q.push_back(random_matrix(length, shape.n_heads * (shape.made + shape.rotated), random));
      latents.push_back(random_matrix(length, shape.rank + shape.rotated, random));
    }
  }

  HeadMatrices load(Ops& ops, const Stored& stored, std::int64_t rows, std::int64_t cols) const {
    std::vector<StoredPart> parts;
    for (std::int64_t head = 0; head < shape.n_heads; ++head)
      parts.push_back(stored.slice({{head * rows, (head + 1) * rows}}, 0, cols));
    return ops.load_heads(std::vector<Slice>(parts.begin(), parts.end()), rows, cols);
  }

  /// What the steps give: for each sequence, a row for each token. Of a sequence that a cut leaves out,
  /// zeros.
  std::vector<Matrix> attend(const kernels::Kernels& kernels, const Cut& cut, std::int32_t expanded,
                             int threads = 1) const {
    const std::vector<std::vector<std::int32_t>> pages = {{12, 0, 3, 7, 1, 9, 4, 10, 2, 6}, {5, 11, 8}};
    Rig rig(kernels, threads, shape.options);
    const HeadMatrices k = load(rig.ops(), k_b, shape.rank, shape.made);
    const HeadMatrices v = load(rig.ops(), v_b, shape.v_dim, shape.rank);
    KvCache cache = rig.ops().make_kv_cache(shape.heads(), {.pages = 13, .slots = 2, .step_tokens = 700}, 0);
    std::vector<Matrix> results;
    for (const int length : lengths) results.emplace_back(length, shape.n_heads * shape.v_dim);
    rig.dirty_scratch(200, 4000);
    std::int32_t next[] = {0, 0};
    for (const auto& [first, second] : cut) {
      std::vector<std::int32_t> of, positions;
      for (int i = 0; i < std::max(first, second); ++i) {
        if (i < second) of.push_back(1), positions.push_back(next[1]++);
        if (i < first) of.push_back(0), positions.push_back(next[0]++);
      }
      rig.begin(std::ssize(of), {positions, of, {}, pages, {expanded, expanded}});
      const auto rows = [&](const std::vector<Matrix>& from) {
        Matrix out(std::ssize(of), from[0].cols);
        for (std::size_t t = 0; t < of.size(); ++t) {
          for (std::int64_t i = 0; i < out.cols; ++i)
            out(static_cast<std::int64_t>(t), i) = from[static_cast<std::size_t>(of[t])](positions[t], i);
        }
        return out;
      };
      const LatentSpec spec{.k_b = k, .v_b = v, .scale = scale};
      const Matrix out = rig.output(
          rig.ops().attend_latents(shape.heads(), cache, rig.input(rows(q)), rig.input(rows(latents)), spec));
      for (std::size_t t = 0; t < of.size(); ++t) {
        Matrix& to = results[static_cast<std::size_t>(of[t])];
        for (std::int64_t i = 0; i < out.cols; ++i)
          to(positions[t], i) = out(static_cast<std::int64_t>(t), i);
      }
    }
    return results;
  }

  Shape shape;
  std::mt19937 random{20261123};
  Stored k_b, v_b;
  std::vector<Matrix> q, latents;
};

struct Expected {
  Matrix values;
  Matrix size;  // of what is added up for each value, times that of the largest score's terms
};

/// softmax(q·k·scale)·v with keys and values made of each latent, as DeepSeek-AI writes it
/// (https://arxiv.org/abs/2405.04434, section 2.1.2).
Expected naive(const Conversation& c, std::size_t sequence) {
  const auto& [n_heads, rank, made, rotated, v_dim, type, options] = c.shape;
  const Matrix &q = c.q[sequence], &latents = c.latents[sequence];
  const std::int64_t length = q.rows, k_dim = made + rotated;
  Expected out{Matrix(length, n_heads * v_dim), Matrix(length, n_heads * v_dim)};
  for (std::int64_t head = 0; head < n_heads; ++head) {
    Matrix k(length, k_dim), k_size(length, k_dim), v(length, v_dim), v_size(length, v_dim);
    for (std::int64_t p = 0; p < length; ++p) {
      for (std::int64_t i = 0; i < k_dim; ++i) {
        for (std::int64_t r = 0; i < made && r < rank; ++r) {
          k(p, i) += c.k_b.values(head * rank + r, i) * latents(p, r);
          k_size(p, i) += std::abs(c.k_b.values(head * rank + r, i) * latents(p, r));
        }
        if (i >= made) k(p, i) = latents(p, rank + i - made), k_size(p, i) = std::abs(k(p, i));
      }
      for (std::int64_t i = 0; i < v_dim; ++i) {
        for (std::int64_t r = 0; r < rank; ++r) {
          v(p, i) += c.v_b.values(head * v_dim + i, r) * latents(p, r);
          v_size(p, i) += std::abs(c.v_b.values(head * v_dim + i, r) * latents(p, r));
        }
      }
    }
    for (std::int64_t t = 0; t < length; ++t) {
      std::vector<double> weights;
      double sum = 0, largest = 0;
      for (std::int64_t p = 0; p <= t; ++p) {
        double score = 0, size = 0;
        for (std::int64_t i = 0; i < k_dim; ++i) {
          score += q(t, head * k_dim + i) * k(p, i) * double{scale};
          size += std::abs(q(t, head * k_dim + i)) * k_size(p, i) * double{scale};
        }
        largest = std::max(largest, size);
        sum += weights.emplace_back(std::exp(score));
      }
      for (std::int64_t i = 0; i < v_dim; ++i) {
        for (std::int64_t p = 0; p <= t; ++p) {
          const double weight = weights[static_cast<std::size_t>(p)] / sum;
          out.values(t, head * v_dim + i) += weight * v(p, i);
          out.size(t, head * v_dim + i) += weight * v_size(p, i) * (1 + largest);
        }
      }
    }
  }
  return out;
}

class Latents : public OnEveryIsa {};
INSTANTIATE_TEST_SUITE_P(Isa, Latents, testing::ValuesIn(kernels::available()), isa_name);

TEST_P(Latents, AreTheKeysAndValuesThatHeadsMakeOfThemInEitherForm) {
  // Dimensions that fill no vector and no panel, and those of heads as they are.
  for (const Shape& shape : {Shape{3, 24, 10, 6, 20}, Shape{2, 64, 32, 16, 80}}) {
    const Conversation conversation(shape);
    const Expected expected[] = {naive(conversation, 0), naive(conversation, 1)};
    for (const std::int32_t expanded : {all, some, none}) {
      const std::vector<Matrix> found = conversation.attend(kernels(), mixed, expanded, 2);
      for (std::size_t i = 0; i < found.size(); ++i)
        expect_near(found[i], expected[i].values, expected[i].size, 32);
    }
  }
}

TEST_P(Latents, AreTheSameBitsBesideAnyOthersForAnyThreads) {
  for (const Shape& shape :
       {Shape{3, 24, 10, 6, 20},
        Shape{2, 64, 32, 16, 64, quant::Type::q8_0, {.activations = kernels::ActivationType::q8}}}) {
    const Conversation conversation(shape);
    for (const std::int32_t expanded : {all, some, none}) {
      const std::vector<Matrix> expected = conversation.attend(kernels::named("scalar"), mixed, expanded);
      for (const int threads : {1, 3, 7}) {
        const std::vector<Matrix> found = conversation.attend(kernels(), mixed, expanded, threads);
        for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i].values, expected[i].values);
      }
      for (const int i : {0, 1}) {
        const std::vector<Matrix> alone = conversation.attend(kernels(), only(i), expanded, 2);
        ASSERT_EQ(alone[static_cast<std::size_t>(i)].values, expected[static_cast<std::size_t>(i)].values);
      }
    }
  }
}

TEST_P(Latents, InEachFormDoNotDependOnHowTokensAreFed) {
  const Conversation conversation({3, 24, 10, 6, 20});
  for (const std::int32_t expanded : {some, none}) {
    const std::vector<Matrix> whole = conversation.attend(kernels(), {{600, 150}}, expanded);
    EXPECT_EQ(conversation.attend(kernels(), mixed, expanded)[0].values, whole[0].values);
    EXPECT_EQ(conversation.attend(kernels(), Cut(150, {1, 1}), expanded)[1].values, whole[1].values);
  }
  const std::vector<Matrix> expected = conversation.attend(kernels(), {{600, 150}}, all);
  EXPECT_EQ(conversation.attend(kernels(), mixed, all)[0].values, expected[0].values);
  EXPECT_EQ(conversation.attend(kernels(), Cut(150, {1, 1}), all)[1].values, expected[1].values);
}

/// Σ(a−b)² / Σb².
double normalised_error(const Matrix& a, const Matrix& b) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    error += (a.values[i] - b.values[i]) * (a.values[i] - b.values[i]);
    norm += b.values[i] * b.values[i];
  }
  return error / norm;
}

TEST(LatentsAsBytes, ErrAsMuchInEitherForm) {
  for (const quant::Type type : {quant::Type::q8_0, quant::Type::q4_0, quant::Type::f16}) {
    const Conversation conversation({2, 64, 32, 16, 64, type, {.activations = kernels::ActivationType::q8}});
    const Matrix expected = naive(conversation, 0).values;
    const double absorbed = normalised_error(conversation.attend(kernels::best(), mixed, none)[0], expected);
    const double expanded = normalised_error(conversation.attend(kernels::best(), mixed, all)[0], expected);
    // Bytes err by up to a 254th of the largest of 32, in scores and in values.
    EXPECT_LT(absorbed, 1e-3);
    EXPECT_LT(expanded, 2 * absorbed) << "keys are made with floats";
  }
}

TEST_P(Latents, OfATokenWithoutMeaningSpoilNoneThatDoNotSeeIt) {
  Conversation conversation({3, 24, 10, 6, 20});
  const std::vector<Matrix> expected = conversation.attend(kernels(), {{600, 150}}, all);
  for (std::int64_t i = 0; i < conversation.latents[0].cols; ++i)
    conversation.latents[0](100, i) = i % 2 == 0 ? std::nan("") : std::numeric_limits<double>::infinity();
  const std::vector<Matrix> found = conversation.attend(kernels(), {{600, 150}}, all);
  EXPECT_EQ(found[1].values, expected[1].values);
  for (std::int64_t t = 0; t < 600; ++t) {
    bool same = true;
    for (std::int64_t i = 0; i < found[0].cols; ++i) same = same && found[0](t, i) == expected[0](t, i);
    EXPECT_EQ(same, t < 100) << "token " << t;
  }
}

TEST(LatentsOfNoHeads, AreNotKept) {
  const Shape shape{0, 24, 10, 6, 20};
  Rig rig(kernels::best(), 2);
  const HeadMatrices k = rig.ops().load_heads({}, shape.rank, shape.made);
  const HeadMatrices v = rig.ops().load_heads({}, shape.v_dim, shape.rank);
  KvCache cache = rig.ops().make_kv_cache(shape.heads(), {.pages = 1, .slots = 1, .step_tokens = 64}, 0);
  std::mt19937 random(1);
  rig.begin(3);
  const Activations out = rig.ops().attend_latents(
      shape.heads(), cache, {nullptr, 3, 0}, rig.input(random_matrix(3, shape.rank + shape.rotated, random)),
      {.k_b = k, .v_b = v, .scale = scale});
  EXPECT_EQ(out.tokens, 3);
  EXPECT_EQ(out.width, 0);
}

}  // namespace
}  // namespace yoke::ops::cpu
