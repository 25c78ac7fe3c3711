// How often threads wait for each other.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "comm/solo.h"
#include "ops/cpu/cpu_ops.h"
#include "support.h"

namespace yoke::ops::cpu {
namespace {

/// A dense layer as most families have it, of random weights.
class DenseLayer {
 public:
  static constexpr std::int64_t dim = 256, ffn = 512;
  static constexpr Heads heads{
      .n_heads = 4, .n_kv_heads = 2, .group = 2, .k_dim = 64, .v_dim = 64, .keys_hold_values = false};

  DenseLayer(Ops& ops, quant::Type type, std::int64_t pages)
      : ops_(ops),
        norm_(vector(dim)),
        q_(rows(type, heads.n_heads * heads.k_dim)),
        k_(rows(type, heads.n_kv_heads * heads.k_dim)),
        v_(rows(type, heads.n_kv_heads * heads.v_dim)),
        gate_(rows(type, ffn)),
        up_(rows(type, ffn)),
        out_(cols(type, heads.n_heads * heads.v_dim)),
        down_(cols(type, ffn)),
        rope_(ops.make_rope({.style = RopeStyle::neox, .frequencies = std::vector<double>(32, 0.5)})),
        cache_(ops.make_kv_cache(heads, {.pages = pages, .slots = 1, .step_tokens = 64}, 0)) {}

  Activations operator()(Activations x) {
    Activations q, k, v;
    const Linear products[] = {{q_, {}, &q}, {k_, {}, &k}, {v_, {}, &v}};
    ops_.matmul(products, ops_.rms_norm(x, norm_, 1e-5f));
    const Activations attended =
        ops_.attend(heads, cache_, ops_.rope(rope_, q, heads.k_dim), ops_.rope(rope_, k, heads.k_dim), v,
                    {.scale = 0.125f, .window = 0, .sinks = {}});
    x = ops_.add(x, ops_.all_reduce(ops_.matmul(out_, attended)));
    const Activations hidden = ops_.gated(Gate::silu, gate_, {}, up_, {}, ops_.rms_norm(x, norm_, 1e-5f));
    return ops_.carry_over(ops_.add(x, ops_.all_reduce(ops_.matmul(down_, hidden))));
  }

 private:
  Stored random(quant::Type type, std::int64_t n_rows, std::int64_t n_cols) {
    return {type, random_matrix(n_rows, n_cols, random_)};
  }
  Vector vector(std::int64_t n) { return ops_.load_vector(random(quant::Type::f32, 1, n).whole()); }
  RowMatrix rows(quant::Type type, std::int64_t n) { return ops_.load_rows(random(type, n, dim).whole()); }
  ColMatrix cols(quant::Type type, std::int64_t n) { return ops_.load_cols(random(type, dim, n).whole()); }

  Ops& ops_;
  std::mt19937 random_{3};
  Vector norm_;
  RowMatrix q_, k_, v_, gate_, up_;
  ColMatrix out_, down_;
  Rope rope_;
  KvCache cache_;
};

class Regions : public testing::TestWithParam<quant::Type> {
 protected:
  static constexpr std::int64_t pages = 20;

  /// Of a layer, for the last `tokens` of a sequence that fills all pages.
  static std::uint32_t of_layer(int threads, std::int64_t tokens, Matrix& out) {
    ThreadPool pool(threads);
    comm::SoloComm comm;
    const std::unique_ptr<Ops> ops = make_ops(kernels::best(), pool, comm, {});
    DenseLayer layer(*ops, GetParam(), pages);
    std::mt19937 random(4);
    const Stored input(quant::Type::f32, random_matrix(tokens, DenseLayer::dim, random));
    const Embedding table = ops->load_embedding(input.whole());
    std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens)), positions(ids), sequences(ids),
        numbers(pages);
    std::iota(ids.begin(), ids.end(), 0);
    std::iota(positions.begin(), positions.end(), static_cast<std::int32_t>(pages * page_positions - tokens));
    std::iota(numbers.begin(), numbers.end(), 0);
    ops->begin_step({ids, positions, sequences, ids, {numbers}});
    const Activations x = ops->embed(table);
    const std::uint32_t before = pool.regions();
    const MatrixView<const float> y = ops->read(layer(x));
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t i = 0; i < y.cols; ++i) out(t, i) = y(t, i);
    }
    return pool.regions() - before;
  }
};

TEST_P(Regions, OfADenseLayerAreAtMostFiveForAFewTokens) {
  for (const int threads : {2, 3}) {
    for (const std::int64_t tokens : {1, 2, 8}) {
      Matrix out(tokens, DenseLayer::dim);
      EXPECT_LE(of_layer(threads, tokens, out), 5u) << tokens << " tokens, " << threads << " threads";
    }
  }
}

TEST_P(Regions, ChangeNoBit) {
  for (const std::int64_t tokens : {1, 8, 150}) {
    Matrix alone(tokens, DenseLayer::dim);
    EXPECT_EQ(of_layer(1, tokens, alone), 0u);
    for (const int threads : {2, 5}) {
      Matrix shared(tokens, DenseLayer::dim);
      of_layer(threads, tokens, shared);
      EXPECT_EQ(shared.values, alone.values) << tokens << " tokens, " << threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Regions, testing::Values(quant::Type::q4_0, quant::Type::q6_k, quant::Type::f16),
                         [](const auto& test) { return std::string(quant::format(test.param).name); });

/// Several products read a Normed; what it was made of may have changed after the first of them.
TEST(Normed, StaysWhatItWasForTheFirstProduct) {
  constexpr std::int64_t dim = 96;
  std::mt19937 random(5);
  const Matrix x = random_matrix(2, dim, random);
  for (const int threads : {1, 2}) {
    for (const quant::Type first : {quant::Type::f32, quant::Type::q8_0}) {
      Rig rig(kernels::best(), threads, {});
      const RowMatrix w = rig.ops().load_rows(Stored(first, random_matrix(32, dim, random)).whole());
      const RowMatrix later =
          rig.ops().load_rows(Stored(quant::Type::q8_0, random_matrix(32, dim, random)).whole());
      const Vector weight =
          rig.ops().load_vector(Stored(quant::Type::f32, random_matrix(1, dim, random)).whole());
      rig.begin(2);
      const Activations input = rig.input(x);
      const Normed normed = rig.ops().rms_norm(input, weight, Rig::norm_epsilon);
      rig.ops().matmul(w, normed, {});
      rig.ops().add(input, rig.input(x));
      const Matrix after = rig.output(rig.ops().matmul(later, normed, {}));
      const Normed again = rig.ops().rms_norm(rig.input(x), weight, Rig::norm_epsilon);
      EXPECT_EQ(after.values, rig.output(rig.ops().matmul(later, again, {})).values);
    }
  }
}

}  // namespace
}  // namespace yoke::ops::cpu
