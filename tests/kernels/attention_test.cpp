#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support.h"

namespace yoke::kernels {
namespace {

/// One query over `length` positions.
struct Attention {
  int length, k_dim, v_dim;
  std::int64_t k_stride, v_stride;
  float scale;
  std::vector<float> q, k, v;

  Attention(int length_, int k_dim_, int v_dim_, Random& random, float sharpness = 1)
      : length(length_),
        k_dim(k_dim_),
        v_dim(v_dim_),
        k_stride(k_dim_ + 5),
        v_stride(v_dim_ + 1),
        scale(sharpness / std::sqrt(static_cast<float>(k_dim_))),
        q(random_floats(static_cast<std::size_t>(k_dim), random)),
        k(random_floats(static_cast<std::size_t>(k_stride * length), random)),
        v(random_floats(static_cast<std::size_t>(v_stride * length), random)) {}

  struct Result {
    float max, sum;
    std::vector<float> acc;
  };

  Result run(const Kernels& kernels) const {
    Result result{0, 0, std::vector<float>(static_cast<std::size_t>(v_dim))};
    SoftmaxState state{-std::numeric_limits<float>::infinity(), 0, result.acc.data()};
    for (int first = 0; first < length; first += tile_positions) {
      kernels.attention_tile(q.data(), k.data() + first * k_stride, k_stride, v.data() + first * v_stride,
                             v_stride, std::min(length - first, tile_positions), k_dim, v_dim, scale, state);
    }
    result.max = state.max;
    result.sum = state.sum;
    return result;
  }

  double score(int position) const {
    double dot = 0;
    for (int i = 0; i < k_dim; ++i) {
      dot += double{q[static_cast<std::size_t>(i)]} * k[static_cast<std::size_t>(position * k_stride + i)];
    }
    return dot * scale;
  }

  /// How far a score in F32 may lie from the exact one; weights err by that factor.
  double score_error() const {
    double most = 0;
    for (int p = 0; p < length; ++p) {
      const auto row = std::span(k).subspan(static_cast<std::size_t>(p * k_stride), q.size());
      most = std::max(most, lane_order_tolerance(q, row) * scale + 0x1p-23 * std::abs(score(p)));
    }
    return most;
  }
};

void expect_softmax(const Kernels& kernels, const Attention& attention) {
  const Attention::Result result = attention.run(kernels);
  double max = -std::numeric_limits<double>::infinity();
  for (int p = 0; p < attention.length; ++p) max = std::max(max, attention.score(p));
  double sum = 0;
  std::vector<double> acc(result.acc.size());
  std::vector<double> magnitude(result.acc.size());
  for (int p = 0; p < attention.length; ++p) {
    const double weight = std::exp(attention.score(p) - max);
    sum += weight;
    for (std::size_t i = 0; i < acc.size(); ++i) {
      const double value = attention.v[static_cast<std::size_t>(p * attention.v_stride) + i];
      acc[i] += weight * value;
      magnitude[i] += weight * std::abs(value);
    }
  }
  // Every weight errs by its score's error twice (its own and the maximum's), exp's 2 units and the merges'
  // roundings (3 per tile); sums by one rounding per position at most.
  const double relative =
      2 * attention.score_error() + 0x1p-23 * (4 + 2 * attention.length / tile_positions + tile_positions);
  ASSERT_NEAR(result.max, max, attention.score_error());
  ASSERT_NEAR(result.sum / sum, 1, relative);
  for (std::size_t i = 0; i < acc.size(); ++i) {
    ASSERT_NEAR(result.acc[i], acc[i], 2 * relative * magnitude[i]) << i;
  }
}

TEST(AttentionTile, EqualsASoftmaxOverAllPositions) {
  Random random(1);
  for (const Kernels* kernels : available()) {
    for (int length = 1; length <= 200; length += length < 70 ? 1 : 43) {
      SCOPED_TRACE(testing::Message() << kernels->isa << " length " << length);
      expect_softmax(*kernels, Attention(length, 32, 32, random));
    }
  }
}

TEST(AttentionTile, TakesHeadsOfAnySize) {
  Random random(2);
  for (const Kernels* kernels : available()) {
    for (const int k_dim : {1, 15, 16, 17, 64, 80, 192}) {
      for (const int v_dim : {1, 15, 16, 17, 63, 64, 65, 80, 128}) {
        SCOPED_TRACE(testing::Message() << kernels->isa << " k " << k_dim << " v " << v_dim);
        expect_softmax(*kernels, Attention(70, k_dim, v_dim, random));
      }
    }
  }
}

TEST(AttentionTile, SharpScoresNeitherOverflowNorVanish) {
  Random random(3);
  for (const Kernels* kernels : available()) {
    const Attention attention(150, 64, 16, random, 3000);
    const Attention::Result result = attention.run(*kernels);
    int best = 0;
    for (int p = 1; p < attention.length; ++p) {
      if (attention.score(p) > attention.score(best)) best = p;
    }
    ASSERT_GE(result.sum, 1.0f);
    for (std::size_t i = 0; i < result.acc.size(); ++i) {
      EXPECT_NEAR(result.acc[i] / result.sum,
                  attention.v[static_cast<std::size_t>(best * attention.v_stride) + i], 1e-6);
    }
  }
}

TEST(AttentionTile, ATileFarBelowTheMaximumChangesNothing) {
  for (const Kernels* kernels : available()) {
    const std::vector<float> q(16, 10.0f);
    const std::vector<float> high(16, 10.0f);
    const std::vector<float> low(16, -10.0f);
    const std::vector<float> v(16, 3.0f);
    std::vector<float> acc(16);
    SoftmaxState state{-std::numeric_limits<float>::infinity(), 0, acc.data()};
    for (const auto* k : {&low, &high, &low}) {  // also before it
      kernels->attention_tile(q.data(), k->data(), 16, v.data(), 16, 1, 16, 16, 1, state);
    }
    EXPECT_EQ(state.max, 1600.0f);
    EXPECT_EQ(state.sum, 1.0f);
    EXPECT_EQ(acc, v);
  }
}

TEST(AttentionTile, GivesTheSameBitsOnEveryIsa) {
  Random random(4);
  for (const int length : {1, 7, 16, 63, 64, 65, 128, 190}) {
    for (const int k_dim : {1, 17, 64, 100}) {
      for (const int v_dim : {1, 16, 64, 77, 128}) {
        for (const float sharpness : {0.1f, 1.0f, 100.0f}) {
          const Attention attention(length, k_dim, v_dim, random, sharpness);
          const Attention::Result expected = attention.run(named("scalar"));
          for (const Kernels* kernels : available()) {
            const Attention::Result result = attention.run(*kernels);
            ASSERT_EQ(result.max, expected.max) << kernels->isa;
            ASSERT_EQ(result.sum, expected.sum) << kernels->isa;
            ASSERT_EQ(bits_of(result.acc), bits_of(expected.acc))
                << kernels->isa << ' ' << length << ' ' << v_dim;
          }
        }
      }
    }
  }
}

TEST(AttentionTile, TouchesNothingOutsideItsOperands) {
  Random random(5);
  for (const Kernels* kernels : available()) {
    for (const bool at_start : {false, true}) {
      for (const int positions : {1, 2, 15, 16, 17, 63, 64}) {
        for (const int dim : {1, 15, 16, 17, 64, 70}) {
          const std::size_t n = static_cast<std::size_t>(dim);
          const std::size_t tile = n * static_cast<std::size_t>(positions);
          const GuardedFloats q(random_floats(n, random), at_start);
          const GuardedFloats k(random_floats(tile, random), at_start);
          const GuardedFloats v(random_floats(tile, random), at_start);
          const GuardedFloats acc(std::vector<float>(n), at_start);
          SoftmaxState state{-std::numeric_limits<float>::infinity(), 0, acc.data()};
          kernels->attention_tile(q.data(), k.data(), dim, v.data(), dim, positions, dim, dim, 0.1f, state);
          ASSERT_GE(state.sum, 1.0f);
        }
      }
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
