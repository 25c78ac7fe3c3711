#include "ops/cpu/cpu_attention.h"

#include <algorithm>

#include "ops/cpu/support.h"

namespace yoke::ops::cpu {
namespace {

/// Queries, keys and values of one sequence, and where its pages lie.
struct Sequence {
  Sequence(const Heads& heads, std::int64_t positions, std::vector<std::int32_t> pages_, std::mt19937& random)
      : q(random_matrix(positions, heads.n_heads * heads.k_dim, random)),
        k(random_matrix(positions, heads.n_kv_heads * heads.k_dim, random)),
        v(random_matrix(positions, heads.n_kv_heads * heads.v_dim, random)),
        pages(std::move(pages_)) {}
  Matrix q, k, v;
  std::vector<std::int32_t> pages;
};

struct Attended {
  Matrix values;
  Matrix scale;  // what a rounding of the scores and of the sum may move each value by, in units of float32's
                 // epsilon
};

/// softmax(q·k·scale)·v over the positions up to each query's own, as Vaswani et al. write it
/// (https://arxiv.org/abs/1706.03762, section 3.2.1).
Attended naive(const Heads& heads, const Sequence& s, double scale) {
  Attended out{Matrix(s.q.rows, heads.n_heads * heads.v_dim), Matrix(s.q.rows, heads.n_heads * heads.v_dim)};
  for (std::int64_t t = 0; t < s.q.rows; ++t) {
    for (std::int64_t head = 0; head < heads.n_heads; ++head) {
      const std::int64_t kv_head = (heads.first_head + head) / heads.group - heads.first_kv_head;
      std::vector<double> weights;
      double sum = 0;
      double largest = 0;  // Σ|q·k|·scale of a score
      for (std::int64_t p = 0; p <= t; ++p) {
        double score = 0;
        double size = 0;
        for (std::int64_t i = 0; i < heads.k_dim; ++i) {
          const double term = s.q(t, head * heads.k_dim + i) * s.k(p, kv_head * heads.k_dim + i) * scale;
          score += term;
          size += std::abs(term);
        }
        largest = std::max(largest, size);
        sum += weights.emplace_back(std::exp(score));
      }
      for (std::int64_t i = 0; i < heads.v_dim; ++i) {
        double& value = out.values(t, head * heads.v_dim + i);
        double size = 0;
        for (std::int64_t p = 0; p <= t; ++p) {
          const double term = weights[static_cast<std::size_t>(p)] / sum * s.v(p, kv_head * heads.v_dim + i);
          value += term;
          size += std::abs(term);
        }
        out.scale(t, head * heads.v_dim + i) = size * (1 + largest);
      }
    }
  }
  return out;
}

/// Rows of several sequences, in the order of a batch.
struct Batch {
  std::vector<std::int32_t> sequences;
  std::vector<std::int32_t> positions;
};
Matrix rows_of(const Batch& batch, const std::vector<const Matrix*>& each) {
  Matrix out(static_cast<std::int64_t>(batch.positions.size()), each[0]->cols);
  for (std::int64_t t = 0; t < out.rows; ++t) {
    const auto row = static_cast<std::size_t>(t);
    const Matrix& from = *each[static_cast<std::size_t>(batch.sequences[row])];
    for (std::int64_t i = 0; i < out.cols; ++i) out(t, i) = from(batch.positions[row], i);
  }
  return out;
}

class Attention : public OnEveryIsa {
 protected:
  /// Feeds two sequences, of 150 and 70 positions on pages in no order, in batches that mix them and cross
  /// the pages' borders.
  static void expect_softmax(const Heads& heads, int threads = 1) {
    std::mt19937 random(20261205);
    const std::vector<Sequence> sequences = {{heads, 150, {4, 0, 2}, random}, {heads, 70, {3, 1}, random}};
    const float scale = 0.4f;
    const std::vector<Attended> expected = {naive(heads, sequences[0], static_cast<double>(scale)),
                                            naive(heads, sequences[1], static_cast<double>(scale))};
    Rig rig(kernels(), threads);
    KvCache cache = rig.ops().make_kv_cache(heads, 5);
    std::vector<std::int32_t> next = {0, 0};
    const std::vector<std::pair<int, int>> batches = {{60, 0}, {10, 64}, {0, 1}, {1, 1}, {1, 0}, {78, 4}};
    for (const auto& [first, second] : batches) {
      Batch batch;
      for (int i = 0; i < std::max(first, second); ++i) {
        if (i < second) batch.sequences.push_back(1), batch.positions.push_back(next[1]++);
        if (i < first) batch.sequences.push_back(0), batch.positions.push_back(next[0]++);
      }
      const auto rows = [&](const Matrix& a, const Matrix& b) { return rows_of(batch, {&a, &b}); };
      const Sequence& a = sequences[0];
      const Sequence& b = sequences[1];
      rig.begin(static_cast<std::int64_t>(batch.positions.size()),
                {batch.positions, batch.sequences, {}, {a.pages, b.pages}});
      const Activations q = rig.input(rows(a.q, b.q));
      const Activations k = rig.input(rows(a.k, b.k));
      const Activations v = rig.input(rows(a.v, b.v));
      const Matrix out = rig.output(rig.ops().attend(heads, cache, q, k, v, scale));
      expect_near(out, rows(expected[0].values, expected[1].values),
                  rows(expected[0].scale, expected[1].scale), 32);
    }
    ASSERT_EQ(next, (std::vector<std::int32_t>{150, 70}));
  }
};
INSTANTIATE_TEST_SUITE_P(Isa, Attention, testing::ValuesIn(kernels::available()), isa_name);

// Heads{n_heads, n_kv_heads, first_head, first_kv_head, group, k_dim, v_dim}

TEST_P(Attention, IsTheSoftmaxOverAllPagesOfASequence) { expect_softmax({3, 3, 0, 0, 1, 16, 16}); }

TEST_P(Attention, GroupsOfHeadsReadOneKvHead) { expect_softmax({6, 2, 0, 0, 3, 10, 6}); }

TEST_P(Attention, KeysMayBeShorterThanValues) { expect_softmax({2, 1, 0, 0, 2, 6, 37}); }

TEST_P(Attention, HeadsOfTheMiddleOfTheModelReadThisRanksKvHeads) { expect_softmax({6, 2, 12, 4, 3, 10, 6}); }

TEST_P(Attention, HeadsFromTheMiddleOfAGroupReadReplicatedKvHeads) {
  expect_softmax({3, 2, 3, 0, 4, 10, 6});  // heads 3, 4 and 5 in groups of 4: KV heads 0, 1 and 1
  expect_softmax({2, 1, 5, 1, 4, 10, 6});  // heads 5 and 6: both KV head 1, which is the rank's only one
}

TEST_P(Attention, ThreadsShareTokensAndHeads) { expect_softmax({6, 2, 0, 0, 3, 10, 6}, 4); }

}  // namespace
}  // namespace yoke::ops::cpu
