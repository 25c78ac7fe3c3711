#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include "quant/half.h"
#include "support.h"

namespace yoke::kernels {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr KvType all_types[] = {KvType::f16, KvType::f32, KvType::q8};

/// What q8 keeps: whole multiples of the largest magnitude / 127 among each 32 values, as F16.
std::vector<float> kept_as_q8(std::span<const float> row) {
  std::vector<float> kept;
  for (std::size_t first = 0; first < row.size(); first += 32) {
    const std::span<const float> block = row.subspan(first, std::min<std::size_t>(32, row.size() - first));
    float most = 0;
    for (const float value : block) most = std::max(most, std::abs(value));
    const float step = quant::f16_to_f32(quant::f32_to_f16(most / 127));
    for (const float value : block) {
      kept.push_back(step == 0 ? 0 : step * std::clamp(std::nearbyint(value * (1 / step)), -127.0f, 127.0f));
    }
  }
  return kept;
}

/// What a type keeps of a key or value in its range.
std::vector<float> kept(KvType type, std::span<const float> row) {
  if (type == KvType::q8) return kept_as_q8(row);
  std::vector<float> values(row.begin(), row.end());
  if (type == KvType::f16)
    for (float& value : values) value = quant::f16_to_f32(quant::f32_to_f16(value));
  return values;
}

struct Shape {
  KvType type;
  int k_dim, v_dim;
  bool shared = false;  // a value is the first v_dim values of its key, which is stored as a value
  int stored_keys() const { return shared ? 0 : k_dim; }
  int stored_values() const { return shared ? k_dim : v_dim; }
  std::size_t tile_bytes() const { return kv_tile_bytes(type, stored_keys(), stored_values()); }
};

/// Keys and values of consecutive positions, and tiles that hold them. What of the last tile no position
/// fills, and what fills vectors up, is NaN before something is stored there.
struct Cache {
  Shape shape;
  int length;
  std::vector<float> k, v;  // (length, k_dim), (length, v_dim)

  Cache(const Shape& shape_, int length_, Random& random)
      : shape(shape_),
        length(length_),
        k(random_floats(static_cast<std::size_t>(length * shape.k_dim), random)),
        v(random_floats(static_cast<std::size_t>(length * shape.v_dim), random)) {
    for (int p = 0; shape.shared && p < length; ++p) std::copy_n(key(p), shape.v_dim, &v[p * shape.v_dim]);
  }

  int tiles() const { return (length + tile_positions - 1) / tile_positions; }
  const float* key(int position) const { return k.data() + position * shape.k_dim; }
  const float* value(int position) const { return v.data() + position * shape.v_dim; }
  std::vector<float> kept_key(int position) const {
    return kept(shape.type, {key(position), static_cast<std::size_t>(shape.k_dim)});
  }
  std::vector<float> kept_value(int position) const {
    if (shape.shared) {
      std::vector<float> whole = kept_key(position);
      whole.resize(static_cast<std::size_t>(shape.v_dim));
      return whole;
    }
    return kept(shape.type, {value(position), static_cast<std::size_t>(shape.v_dim)});
  }

  std::vector<std::byte> store(const Kernels& kernels) const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(tiles()) * shape.tile_bytes(), std::byte{0xff});
    for (int p = 0; p < length; ++p) {
      kernels.kv(shape.type)
          .store(key(p), shape.shared ? key(p) : value(p), shape.stored_keys(), shape.stored_values(),
                 p % tile_positions,
                 bytes.data() + static_cast<std::size_t>(p / tile_positions) * shape.tile_bytes());
    }
    return bytes;
  }
};

/// A query and the positions it sees.
struct Query {
  std::vector<float> q;
  int begin, end;
};

Query random_query(const Shape& shape, int begin, int end, Random& random) {
  return {random_floats(static_cast<std::size_t>(shape.k_dim), random), begin, end};
}

struct Result {
  float max, sum;
  std::vector<float> acc;
};

/// Queries through all tiles together, before the last step.
std::vector<Result> run(const Kernels& kernels, const Cache& cache, const std::vector<Query>& queries,
                        const ScoreSpec& spec) {
  const std::vector<std::byte> tiles = cache.store(kernels);
  std::vector<Result> results(queries.size(),
                              {-infinity, 0, std::vector<float>(cache.v.size() / cache.length)});
  std::vector<AttentionRow> rows(queries.size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    rows[r] = {queries[r].q.data(), results[r].acc.data(), -infinity, 0, 0, 0};
  }
  for (int tile = 0; tile < cache.tiles(); ++tile) {
    for (std::size_t r = 0; r < rows.size(); ++r) {
      rows[r].begin = std::clamp(queries[r].begin - tile * tile_positions, 0, tile_positions);
      rows[r].end = std::clamp(queries[r].end - tile * tile_positions, rows[r].begin, tile_positions);
    }
    const KvKernels& kv = kernels.kv(cache.shape.type);
    const auto attend = cache.shape.shared ? kv.attend_shared : kv.attend;
    attend(rows.data(), static_cast<int>(rows.size()),
           tiles.data() + static_cast<std::size_t>(tile) * cache.shape.tile_bytes(), cache.shape.k_dim,
           cache.shape.v_dim, spec);
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    results[r].max = rows[r].max;
    results[r].sum = rows[r].sum;
  }
  return results;
}

std::vector<Result> run(const Kernels& kernels, const Cache& cache, const std::vector<Query>& queries,
                        float scale) {
  return run(kernels, cache, queries, ScoreSpec{.scale = scale});
}

float usual_scale(const Shape& shape) { return 1 / std::sqrt(static_cast<float>(shape.k_dim)); }

void expect_softmax(const Cache& cache, const Query& query, const ScoreSpec& spec, const Result& result) {
  const Shape& shape = cache.shape;
  std::vector<double> scores;
  double score_error = 0;  // of a chain of k_dim multiply-adds, the scale and the cap, in F32
  const double scale = spec.scale, cap = spec.cap;
  for (int p = query.begin; p < query.end; ++p) {
    double score = 0;
    double magnitude = 0;
    const std::vector<float> key = cache.kept_key(p);
    for (std::size_t i = 0; i < key.size(); ++i) {
      const double term = double{query.q[i]} * key[i];
      score += term * scale;
      magnitude += std::abs(term * scale);
    }
    scores.push_back(cap == 0 ? score : cap * std::tanh(score / cap));
    score_error = std::max(score_error, 0x1p-24 * ((shape.k_dim + 2) * magnitude + 8 * cap));
  }
  const double max = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  std::vector<double> acc(static_cast<std::size_t>(shape.v_dim)), magnitude(acc.size());
  for (int p = query.begin; p < query.end; ++p) {
    const double weight = std::exp(scores[static_cast<std::size_t>(p - query.begin)] - max);
    sum += weight;
    const std::vector<float> value = cache.kept_value(p);
    for (std::size_t i = 0; i < acc.size(); ++i) {
      acc[i] += weight * value[i];
      magnitude[i] += weight * std::abs(value[i]);
    }
  }
  // Every weight errs by its score's error twice (its own and the maximum's), exp's 2 units and the merges'
  // roundings (3 per tile); sums by one rounding per position at most.
  const int tiles = (query.end - query.begin) / tile_positions + 2;
  const double relative = 2 * score_error + 0x1p-23 * (4 + 2 * tiles + tile_positions);
  ASSERT_NEAR(result.max, max, score_error);
  ASSERT_NEAR(result.sum / sum, 1, relative);
  for (std::size_t i = 0; i < acc.size(); ++i) {
    ASSERT_NEAR(result.acc[i], acc[i], 2 * relative * magnitude[i]) << i;
  }
}

void expect_softmax(const Cache& cache, const Query& query, float scale, const Result& result) {
  expect_softmax(cache, query, ScoreSpec{.scale = scale}, result);
}

void expect_same(const Result& a, const Result& b) {
  EXPECT_EQ(bits_of(std::vector{a.max, a.sum}), bits_of(std::vector{b.max, b.sum}));
  ASSERT_EQ(bits_of(a.acc), bits_of(b.acc));
}

/// A test of every type on every instruction set.
class AttentionKernels : public testing::TestWithParam<std::tuple<const Kernels*, KvType>> {
 protected:
  static const Kernels& kernels() { return *std::get<0>(GetParam()); }
  static KvType type() { return std::get<1>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Isa, AttentionKernels,
                         testing::Combine(testing::ValuesIn(available()), testing::ValuesIn(all_types)),
                         [](const auto& test) {
                           std::string name(std::get<0>(test.param)->isa);
                           std::replace(name.begin(), name.end(), '-', '_');  // names may not have it
                           return name + "_" + std::string(name_of(std::get<1>(test.param)));
                         });

TEST_P(AttentionKernels, GiveASoftmaxOverAllPositionsSeen) {
  Random random(1);
  const Shape shape{type(), 32, 32};
  for (int length = 1; length <= 200; length += length < 70 ? 1 : 43) {
    SCOPED_TRACE(length);
    const Cache cache(shape, length, random);
    const Query query = random_query(shape, 0, length, random);
    expect_softmax(cache, query, usual_scale(shape), run(kernels(), cache, {query}, usual_scale(shape))[0]);
  }
}

TEST_P(AttentionKernels, TakeHeadsOfAnySize) {
  Random random(2);
  for (const int k_dim : {1, 15, 16, 17, 33, 64, 80, 192}) {
    for (const int v_dim : {1, 15, 16, 17, 63, 64, 65, 80, 128}) {
      SCOPED_TRACE(testing::Message() << "k " << k_dim << " v " << v_dim);
      const Shape shape{type(), k_dim, v_dim};
      const Cache cache(shape, 70, random);
      const Query query = random_query(shape, 0, 70, random);
      expect_softmax(cache, query, usual_scale(shape), run(kernels(), cache, {query}, usual_scale(shape))[0]);
    }
  }
}

TEST_P(AttentionKernels, TakeKeysThatHoldTheirValues) {
  Random random(14);
  for (const auto& [k_dim, v_dim] : std::vector<std::pair<int, int>>{
           {1, 1}, {17, 16}, {33, 32}, {48, 40}, {80, 64}, {144, 128}, {576, 512}}) {
    SCOPED_TRACE(testing::Message() << "k " << k_dim << " v " << v_dim);
    const Shape shape{type(), k_dim, v_dim, true};
    const Cache cache(shape, 70, random);
    const Query query = random_query(shape, 0, 70, random);
    expect_softmax(cache, query, usual_scale(shape), run(kernels(), cache, {query}, usual_scale(shape))[0]);
  }
}

TEST_P(AttentionKernels, BoundScoresWhereThereIsACap) {
  Random random(16);
  for (const Shape& shape : {Shape{type(), 24, 40}, Shape{type(), 40, 24, true}}) {
    const Cache cache(shape, 150, random);
    for (const auto& [begin, end] : std::vector<std::pair<int, int>>{{0, 1}, {10, 150}, {70, 80}}) {
      for (const ScoreSpec& spec : {ScoreSpec{.scale = 0.3f, .cap = 50}, ScoreSpec{.scale = 1, .cap = 2},
                                    ScoreSpec{.scale = 300, .cap = 20}}) {
        SCOPED_TRACE(testing::Message() << begin << " to " << end << ", cap " << spec.cap);
        const Query query = random_query(shape, begin, end, random);
        expect_softmax(cache, query, spec, run(kernels(), cache, {query}, spec)[0]);
      }
    }
  }
}

TEST_P(AttentionKernels, SeeNothingBeforeAndBehindTheirPositions) {
  Random random(3);
  for (const Shape& shape : {Shape{type(), 24, 40}, Shape{type(), 40, 24, true}}) {
    const Cache cache(shape, 150, random);
    for (const auto& [begin, end] : std::vector<std::pair<int, int>>{
             {0, 1}, {5, 6}, {15, 17}, {16, 32}, {10, 64}, {63, 65}, {64, 128}, {70, 150}, {149, 150}}) {
      SCOPED_TRACE(testing::Message() << begin << " to " << end);
      const Query query = random_query(shape, begin, end, random);
      expect_softmax(cache, query, usual_scale(shape), run(kernels(), cache, {query}, usual_scale(shape))[0]);
    }
  }
}

TEST_P(AttentionKernels, GiveARowTheSameBitsBesideAnyOthers) {
  Random random(4);
  for (const Shape& shape : {Shape{type(), 32, 16}, Shape{type(), 40, 128}, Shape{type(), 64, 72},
                             Shape{type(), 40, 24, true}, Shape{type(), 144, 128, true}}) {
    const Cache cache(shape, 180, random);
    std::vector<Query> queries;
    for (int i = 0; i < 55; ++i) {  // more than a kernel takes at once
      const int end = 1 + static_cast<int>(random() % 180);
      queries.push_back(
          random_query(shape, random() % 2 == 0 ? 0 : static_cast<int>(random() % end), end, random));
    }
    std::vector<Result> alone;
    for (const Query& query : queries) alone.push_back(run(kernels(), cache, {query}, 0.3f)[0]);
    for (const std::size_t n : {2, 3, 4, 5, 6, 7, 8, 13, 48, 49, 55}) {
      const std::vector<Result> together =
          run(kernels(), cache, {queries.begin(), queries.begin() + n}, 0.3f);
      for (std::size_t i = 0; i < n; ++i) expect_same(together[i], alone[i]);
    }
  }
}

TEST_P(AttentionKernels, MergeAPartAsIfItsTileHadComeInTurn) {
  Random random(5);
  for (const int v_dim : {1, 16, 40, 128}) {
    const Shape shape{type(), 32, v_dim};
    const Cache cache(shape, 150, random);
    const Query query = random_query(shape, 0, 150, random);
    const Result whole = run(kernels(), cache, {query}, 0.5f)[0];
    Result result{-infinity, 0, std::vector<float>(static_cast<std::size_t>(v_dim))};
    AttentionRow row{nullptr, result.acc.data(), -infinity, 0, 0, 0};
    for (int begin = 0; begin < 150; begin += tile_positions) {
      Result part = run(kernels(), cache, {{query.q, begin, std::min(begin + tile_positions, 150)}}, 0.5f)[0];
      kernels().merge_attention({nullptr, part.acc.data(), part.max, part.sum, 0, 0}, v_dim, row);
    }
    result.max = row.max;
    result.sum = row.sum;
    expect_same(result, whole);
    kernels().finish_attention(row, v_dim);
    for (std::size_t i = 0; i < result.acc.size(); ++i) EXPECT_EQ(result.acc[i], whole.acc[i] / whole.sum);
  }
}

TEST_P(AttentionKernels, NeitherOverflowNorVanishWhereScoresAreSharp) {
  Random random(6);
  const Shape shape{type(), 64, 16};
  const Cache cache(shape, 150, random);
  const Query query = random_query(shape, 0, 150, random);
  const Result result = run(kernels(), cache, {query}, 300)[0];
  const auto score = [&](int p) {
    const std::vector<float> key = cache.kept_key(p);
    return std::inner_product(key.begin(), key.end(), query.q.begin(), 0.0);
  };
  int best = 0;
  for (int p = 1; p < 150; ++p) best = score(p) > score(best) ? p : best;
  EXPECT_GE(result.sum, 1.0f);
  for (std::size_t i = 0; i < 16; ++i)
    EXPECT_NEAR(result.acc[i] / result.sum, cache.kept_value(best)[i], 1e-6);
}

TEST_P(AttentionKernels, GiveTheSameBitsAsTheScalarOnes) {
  Random random(7);
  for (const int k_dim : {1, 17, 64, 100}) {
    for (const int v_dim : {1, 16, 64, 77, 128}) {
      for (const ScoreSpec& spec :
           {ScoreSpec{.scale = 0.01f}, ScoreSpec{.scale = 0.1f, .cap = 3}, ScoreSpec{.scale = 10}}) {
        const Shape shape{type(), k_dim, v_dim};
        const Cache cache(shape, 1 + static_cast<int>(random() % 190), random);
        std::vector<Query> queries;
        for (int i = 0; i < 9; ++i) {
          const int end = 1 + static_cast<int>(random() % static_cast<unsigned>(cache.length));
          queries.push_back(
              random_query(shape, static_cast<int>(random() % static_cast<unsigned>(end)), end, random));
        }
        const std::vector<Result> expected = run(named("scalar"), cache, queries, spec);
        const std::vector<Result> results = run(kernels(), cache, queries, spec);
        for (std::size_t i = 0; i < queries.size(); ++i) expect_same(results[i], expected[i]);
      }
    }
  }
}

TEST_P(AttentionKernels, GiveTheSameBitsAsTheScalarOnesWhereKeysHoldValues) {
  Random random(15);
  for (const auto& [k_dim, v_dim] : std::vector<std::pair<int, int>>{{1, 1}, {40, 33}, {144, 128}}) {
    const Cache cache({type(), k_dim, v_dim, true}, 1 + static_cast<int>(random() % 190), random);
    std::vector<Query> queries;
    for (int i = 0; i < 9; ++i) {
      const int end = 1 + static_cast<int>(random() % static_cast<unsigned>(cache.length));
      queries.push_back(
          random_query(cache.shape, static_cast<int>(random() % static_cast<unsigned>(end)), end, random));
    }
    const std::vector<Result> expected = run(named("scalar"), cache, queries, 0.1f);
    const std::vector<Result> results = run(kernels(), cache, queries, 0.1f);
    for (std::size_t i = 0; i < queries.size(); ++i) expect_same(results[i], expected[i]);
  }
}

TEST_P(AttentionKernels, StoreTheSameBytesAsTheScalarOnes) {
  Random random(8);
  for (const auto& [k_dim, v_dim] :
       std::vector<std::pair<int, int>>{{1, 1}, {40, 72}, {64, 128}, {100, 17}}) {
    Cache cache({type(), k_dim, v_dim}, 130, random);
    cache.k = wild_floats(cache.k.size(), random);
    cache.v = wild_floats(cache.v.size(), random);
    EXPECT_EQ(cache.store(kernels()), cache.store(named("scalar")));
  }
}

/// What rows read of the values: one position alone has weight 1.
std::vector<float> stored_values(const Kernels& kernels, KvType type, std::vector<float> values) {
  Random random(9);
  const Shape shape{type, 1, static_cast<int>(values.size())};
  Cache cache(shape, 1, random);
  cache.v = std::move(values);
  return run(kernels, cache, {{{1.0f}, 0, 1}}, 1)[0].acc;
}

TEST_P(AttentionKernels, RoundValuesAsTheTypeDoes) {
  Random random(10);
  std::vector<float> values = random_floats(500, random);
  for (const float edge : {1 + 0x1p-11f, 1 + 0x1.8p-10f, 0x1p-24f, 0x1p-25f, 0x1.8p-25f, 0x1.ffcp-15f,
                           65519.0f, 65504.0f, -65519.9f})
    values.push_back(edge);
  EXPECT_EQ(stored_values(kernels(), type(), values), kept(type(), values));
}

TEST_P(AttentionKernels, SaturateWhatLiesBeyondTheTypesRange) {
  const float largest = type() == KvType::f32   ? std::numeric_limits<float>::max()
                        : type() == KvType::f16 ? 65504.0f
                                                : 127 * 65504.0f;
  const float far = type() == KvType::f32 ? largest : 1e30f;
  EXPECT_EQ(stored_values(kernels(), type(), {far, -far, infinity, -infinity, std::nanf("")}),
            (std::vector<float>{largest, -largest, largest, -largest, largest}));
}

TEST_P(AttentionKernels, KeepATokenWithoutMeaningFromThoseThatDoNotSeeIt) {
  Random random(11);
  const Shape shape{type(), 16, 16};
  Cache cache(shape, 40, random);
  const std::vector<Query> queries = {random_query(shape, 0, 20, random), random_query(shape, 0, 40, random)};
  const Result expected = run(kernels(), cache, queries, 1)[0];
  std::fill_n(cache.k.begin() + 25 * 16, 16, std::nanf(""));
  std::fill_n(cache.v.begin() + 25 * 16, 16, std::nanf(""));
  const std::vector<Result> results = run(kernels(), cache, queries, 1);
  expect_same(results[0], expected);
  EXPECT_EQ(std::isnan(results[1].sum), type() != KvType::q8);
}

TEST_P(AttentionKernels, TouchNothingOutsideTheirOperands) {
  Random random(12);
  for (const bool at_start : {false, true}) {
    for (const int n : {1, 4, 7}) {
      for (const int dim : {1, 15, 16, 17, 64, 70}) {
        const Shape shape{type(), dim, dim};
        const auto size = static_cast<std::size_t>(dim);
        const GuardedFloats k(random_floats(size, random), at_start),
            v(random_floats(size, random), at_start);
        const GuardedFloats q(random_floats(size, random), at_start);
        const GuardedBytes tile(shape.tile_bytes(), at_start);
        const KvKernels& kv = kernels().kv(type());
        for (int slot = 0; slot < tile_positions; ++slot)
          kv.store(k.data(), v.data(), dim, dim, slot, tile.data());
        std::vector<std::unique_ptr<GuardedFloats>> acc;
        std::vector<AttentionRow> rows;
        for (int r = 0; r < n; ++r) {
          acc.push_back(std::make_unique<GuardedFloats>(std::vector<float>(size), at_start));
          rows.push_back({q.data(), acc.back()->data(), -infinity, 0, 9 * r, tile_positions - r});
        }
        kv.attend(rows.data(), n, tile.data(), dim, dim, {.scale = 0.1f, .cap = 2});
        kernels().merge_attention(rows[0], dim, rows[static_cast<std::size_t>(n - 1)]);
        kernels().finish_attention(rows[0], dim);
        EXPECT_GE(rows[0].sum, 1.0f);

        const Shape shared{type(), dim, dim, true};
        const GuardedBytes keys(shared.tile_bytes(), at_start);
        for (int slot = 0; slot < tile_positions; ++slot)
          kv.store(nullptr, k.data(), 0, dim, slot, keys.data());
        kv.attend_shared(rows.data(), n, keys.data(), dim, dim, {.scale = 0.1f});
      }
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
