#include "ops/cpu/cpu_attention.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "ops/cpu/support.h"
#include "quant/half.h"

namespace yoke::ops::cpu {
namespace {

using kernels::KvType;

/// As float16 holds them.
Matrix halves(Matrix m) {
  for (double& value : m.values) value = quant::f16_to_f32(quant::f32_to_f16(static_cast<float>(value)));
  return m;
}

/// Queries, keys and values of one sequence, and where its pages lie.
struct Sequence {
  Sequence(const Heads& heads, std::int64_t positions, std::vector<std::int32_t> pages_, std::mt19937& random)
      : q(random_matrix(positions, heads.n_heads * heads.k_dim, random)),
        k(random_matrix(positions, heads.n_kv_heads * heads.k_dim, random)),
        v(random_matrix(positions, heads.n_kv_heads * heads.v_dim, random)),
        pages(std::move(pages_)) {
    for (std::int64_t p = 0; heads.keys_hold_values && p < positions; ++p) {
      for (std::int64_t i = 0; i < heads.v_dim; ++i) v(p, i) = k(p, i);
    }
  }
  Matrix q, k, v;
  std::vector<std::int32_t> pages;
};

/// What attends, and how.
struct Layer {
  Heads heads;  // n_heads, n_kv_heads, first_head, first_kv_head, group, k_dim, v_dim
  std::int64_t window = 0;
  std::vector<float> sinks{};  // none, or one for each head
  bool chunked = false;
  float score_cap = 0;
  static constexpr float scale = 0.4f;

  AttendSpec spec(Ops& ops) const {
    AttendSpec spec{
        .scale = scale, .score_cap = score_cap, .window = window, .chunked = chunked, .sinks = {}};
    if (sinks.empty()) return spec;
    Matrix values(1, std::ssize(sinks));
    std::copy(sinks.begin(), sinks.end(), values.values.begin());
    const Stored stored(quant::Type::f32, values);
    spec.sinks = ops.load_vector(stored.whole());
    return spec;
  }
};

struct Attended {
  Matrix values;
  Matrix scale;  // what a rounding of the scores and of the sum may move each value by, in units of float32's
                 // epsilon
};

/// softmax(q·k·scale)·v over the positions that each query sees, as Vaswani et al. write it
/// (https://arxiv.org/abs/1706.03762, section 3.2.1); a sink is a score whose value is 0.
Attended naive(const Layer& layer, const Sequence& s) {
  const Heads& heads = layer.heads;
  Attended out{Matrix(s.q.rows, heads.n_heads * heads.v_dim), Matrix(s.q.rows, heads.n_heads * heads.v_dim)};
  for (std::int64_t t = 0; t < s.q.rows; ++t) {
    const std::int64_t first = layer.window == 0 ? 0
                               : layer.chunked   ? t - t % layer.window
                                                 : std::max<std::int64_t>(0, t - layer.window + 1);
    for (std::int64_t head = 0; head < heads.n_heads; ++head) {
      const std::int64_t kv_head = (heads.first_head + head) / heads.group - heads.first_kv_head;
      std::vector<double> weights;
      double sum = layer.sinks.empty() ? 0 : std::exp(double{layer.sinks[static_cast<std::size_t>(head)]});
      double largest = 0;  // Σ|q·k|·scale of a score
      for (std::int64_t p = first; p <= t; ++p) {
        double score = 0;
        double size = 0;
        for (std::int64_t i = 0; i < heads.k_dim; ++i) {
          const double term =
              s.q(t, head * heads.k_dim + i) * s.k(p, kv_head * heads.k_dim + i) * double{Layer::scale};
          score += term;
          size += std::abs(term);
        }
        if (layer.score_cap > 0) {
          score = layer.score_cap * std::tanh(score / layer.score_cap);
          size += layer.score_cap;
        }
        largest = std::max(largest, size);
        sum += weights.emplace_back(std::exp(score));
      }
      for (std::int64_t i = 0; i < heads.v_dim; ++i) {
        double& value = out.values(t, head * heads.v_dim + i);
        double size = 0;
        for (std::int64_t p = first; p <= t; ++p) {
          const double term =
              weights[static_cast<std::size_t>(p - first)] / sum * s.v(p, kv_head * heads.v_dim + i);
          value += term;
          size += std::abs(term);
        }
        out.scale(t, head * heads.v_dim + i) = size * (1 + largest);
      }
    }
  }
  return out;
}

/// How many tokens of each of two sequences a step has.
using Cut = std::vector<std::pair<int, int>>;

std::int64_t tokens_of_longest_step(const Cut& cut) {
  int most = 0;
  for (const auto& [first, second] : cut) most = std::max(most, first + second);
  return most;
}

/// Two sequences, of 150 and 70 positions on pages in no order.
struct Conversation {
  Layer layer;
  std::vector<Sequence> sequences;

  explicit Conversation(Layer layer_, bool in_halves = false) : layer(std::move(layer_)) {
    std::mt19937 random(20261205);
    sequences.emplace_back(layer.heads, 150, std::vector<std::int32_t>{4, 0, 2}, random);
    sequences.emplace_back(layer.heads, 70, std::vector<std::int32_t>{3, 1}, random);
    if (!in_halves) return;
    for (Sequence& s : sequences) s.k = halves(s.k), s.v = halves(s.v);
  }

  /// What steps that mix the sequences give: for each sequence, a row for each token. Where
  /// windows have pages of their own, each sequence has no more of them than it needs.
  std::vector<Matrix> attend(Rig& rig, const Cut& cut, bool has_windows = false) const {
    const std::int64_t longest = tokens_of_longest_step(cut);
    const std::int64_t ring = has_windows ? Rig::ring(layer.window, longest) : 0;
    const CacheSize size{.pages = 5, .slots = 2, .step_tokens = longest, .window_pages = 2 * ring};
    KvCache cache = rig.ops().make_kv_cache(layer.heads, size, layer.window);
    const AttendSpec spec = layer.spec(rig.ops());
    std::vector<Matrix> results;
    for (const Sequence& s : sequences)
      results.emplace_back(s.q.rows, layer.heads.n_heads * layer.heads.v_dim);
    std::vector<std::int32_t> next = {0, 0};
    for (const auto& [first, second] : cut) {
      std::vector<std::int32_t> of, positions;
      for (int i = 0; i < std::max(first, second); ++i) {
        if (i < second) of.push_back(1), positions.push_back(next[1]++);
        if (i < first) of.push_back(0), positions.push_back(next[0]++);
      }
      rig.begin(std::ssize(of), {positions,
                                 of,
                                 {},
                                 {sequences[0].pages, sequences[1].pages},
                                 {},
                                 has_windows ? layer.window : 0,
                                 ring});
      const auto rows = [&](Matrix Sequence::*member) {
        Matrix out(std::ssize(of), (sequences[0].*member).cols);
        for (std::int64_t t = 0; t < out.rows; ++t) {
          const auto token = static_cast<std::size_t>(t);
          const Matrix& from = sequences[static_cast<std::size_t>(of[token])].*member;
          for (std::int64_t i = 0; i < out.cols; ++i) out(t, i) = from(positions[token], i);
        }
        return out;
      };
      const Activations q = rig.input(rows(&Sequence::q));
      const Activations k = rig.input(rows(&Sequence::k));
      const Activations v = layer.heads.keys_hold_values ? Activations{} : rig.input(rows(&Sequence::v));
      const Matrix out = rig.output(rig.ops().attend(layer.heads, cache, q, k, v, spec));
      for (std::size_t t = 0; t < of.size(); ++t) {
        Matrix& to = results[static_cast<std::size_t>(of[t])];
        for (std::int64_t i = 0; i < out.cols; ++i)
          to(positions[t], i) = out(static_cast<std::int64_t>(t), i);
      }
    }
    return results;
  }
};

/// Steps that cross the pages' borders: long and short ones, of one sequence and of both.
const Cut mixed = {{60, 0}, {10, 64}, {0, 1}, {1, 1}, {1, 0}, {78, 4}};
const Cut whole = {{150, 70}};
Cut one_by_one() {
  Cut cut(70, {1, 1});
  cut.resize(150, {1, 0});
  return cut;
}

class Attention : public OnEveryIsa {
 protected:
  static void expect_softmax(const Layer& layer, int threads = 1, KvType type = KvType::f32) {
    const Conversation conversation(layer, type == KvType::f16);
    Rig rig(kernels(), threads, {.kv_type = type});
    const std::vector<Matrix> results = conversation.attend(rig, mixed);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const Attended expected = naive(layer, conversation.sequences[i]);
      expect_near(results[i], expected.values, expected.scale, 32);
    }
  }

  static std::vector<Matrix> attend(const Layer& layer, const Cut& cut, int threads, KvType type) {
    Rig rig(kernels(), threads, {.kv_type = type});
    return Conversation(layer).attend(rig, cut);
  }
  static void expect_same(const std::vector<Matrix>& a, const std::vector<Matrix>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(a[i].values, b[i].values) << "of sequence " << i;
  }
};
INSTANTIATE_TEST_SUITE_P(Isa, Attention, testing::ValuesIn(kernels::available()), isa_name);

TEST_P(Attention, IsTheSoftmaxOverAllPagesOfASequence) { expect_softmax({{3, 3, 0, 0, 1, 16, 16}}); }

TEST_P(Attention, GroupsOfHeadsReadOneKvHead) { expect_softmax({{6, 2, 0, 0, 3, 10, 6}}); }

TEST_P(Attention, KeysMayBeShorterThanValues) { expect_softmax({{2, 1, 0, 0, 2, 6, 37}}); }

TEST_P(Attention, HeadsOfTheMiddleOfTheModelReadThisRanksKvHeads) {
  expect_softmax({{6, 2, 12, 4, 3, 10, 6}});
}

TEST_P(Attention, HeadsFromTheMiddleOfAGroupReadReplicatedKvHeads) {
  expect_softmax({{3, 2, 3, 0, 4, 10, 6}});  // heads 3, 4 and 5 in groups of 4: KV heads 0, 1 and 1
  expect_softmax({{2, 1, 5, 1, 4, 10, 6}});  // heads 5 and 6: both KV head 1, which is the rank's only one
}

TEST_P(Attention, AGroupMayHaveMoreHeadsThanABlockRows) { expect_softmax({{71, 1, 0, 0, 71, 10, 6}}); }

TEST_P(Attention, ThreadsShareTokensHeadsAndTiles) {
  expect_softmax({{6, 2, 0, 0, 3, 10, 6}}, 4);
  expect_softmax({{2, 1, 0, 0, 2, 10, 6}}, 7);
}

TEST_P(Attention, KeysAndValuesAreFloat16) { expect_softmax({{6, 2, 0, 0, 3, 10, 20}}, 2, KvType::f16); }

TEST_P(Attention, KeysMayHoldTheirValues) {
  expect_softmax(
      {{.n_heads = 7, .n_kv_heads = 1, .group = 7, .k_dim = 40, .v_dim = 24, .keys_hold_values = true}}, 3);
  expect_softmax(
      {{.n_heads = 7, .n_kv_heads = 1, .group = 7, .k_dim = 40, .v_dim = 24, .keys_hold_values = true}}, 2,
      KvType::f16);
  // Heads 5 to 7 of a model of 71.
  expect_softmax({{.n_heads = 3,
                   .n_kv_heads = 1,
                   .first_head = 5,
                   .group = 71,
                   .k_dim = 21,
                   .v_dim = 16,
                   .keys_hold_values = true}});
}

TEST_P(Attention, AWindowEndsAtTheTokenItself) {
  for (const std::int64_t window : {1, 2, 63, 64, 65, 100, 149, 150, 1000})
    expect_softmax({{4, 2, 0, 0, 2, 10, 6}, window}, 3);
}

TEST_P(Attention, AChunkBeginsWhereTheOneBeforeEnds) {
  for (const std::int64_t length : {1, 2, 63, 64, 65, 100, 149, 150, 1000})
    expect_softmax({{4, 2, 0, 0, 2, 10, 6}, length, {}, true}, 3);
}

TEST_P(Attention, ACapBoundsScores) {
  for (const float cap : {0.5f, 3.0f}) expect_softmax({{4, 2, 0, 0, 2, 10, 6}, 0, {}, false, cap}, 3);
}

TEST_P(Attention, InPagesThatHoldAWindowIsTheSameBitsAsInAllPages) {
  // Steps so short that few pages do, and each is overwritten as soon as it may be.
  const std::vector<std::pair<int, int>> pattern = {{1, 1}, {5, 2}, {2, 0}, {7, 1}, {0, 1}, {1, 0}};
  Cut short_steps;
  for (int first = 150, second = 70, i = 0; first + second > 0; ++i) {
    const auto& [a, b] = pattern[static_cast<std::size_t>(i) % pattern.size()];
    const auto& step = short_steps.emplace_back(std::min(a, first), std::min(b, second));
    first -= step.first, second -= step.second;
    if (step.first + step.second == 0) short_steps.pop_back();
  }
  for (const std::int64_t window : {1, 2, 5, 40, 57, 58, 59, 63, 64, 65, 100}) {
    const Conversation conversation({{4, 2, 0, 0, 2, 10, 6}, window, {-3, 0, 2, 12}});
    for (const Cut& cut : {one_by_one(), short_steps, mixed}) {
      SCOPED_TRACE(testing::Message() << "window " << window << ", steps of " << tokens_of_longest_step(cut));
      Rig rig(kernels());
      expect_same(conversation.attend(rig, cut, true), conversation.attend(rig, cut));
    }
  }
}

TEST_P(Attention, ASinkTakesWeightAndGivesNoValue) {
  expect_softmax({{4, 2, 0, 0, 2, 10, 6}, 0, {-3, 0, 2, 12}}, 3);
  expect_softmax({{4, 2, 0, 0, 2, 10, 6}, 40, {-3, 0, 2, 12}}, 3);
}

TEST_P(Attention, IsTheSameBitsHoweverTokensAreFedAndThreadsShare) {
  const std::vector<Layer> layers = {{{6, 2, 0, 0, 3, 20, 40}},
                                     {{1, 1, 0, 0, 1, 32, 16}},
                                     {{8, 1, 0, 0, 8, 16, 80}, 50, {1, 2, 3, 4, 5, 6, 7, 8}},
                                     {{8, 1, 0, 0, 8, 48, 32, true}},
                                     {{4, 2, 0, 0, 2, 16, 16}, 40, {}, true, 2}};
  for (const Layer& layer : layers) {
    for (const KvType type : {KvType::f16, KvType::f32, KvType::q8}) {
      const std::vector<Matrix> expected = attend(layer, whole, 1, type);
      for (const int threads : {1, 2, 3, 7}) {
        SCOPED_TRACE(testing::Message() << threads << " threads, " << kernels::name_of(type));
        expect_same(attend(layer, whole, threads, type), expected);
        expect_same(attend(layer, mixed, threads, type), expected);
        expect_same(attend(layer, one_by_one(), threads, type), expected);
      }
    }
  }
}

TEST_P(Attention, IsTheSameBitsOnEveryInstructionSet) {
  const Conversation conversation({{6, 2, 0, 0, 3, 20, 40}, 100, {1, 2, 3, 4, 5, 6}});
  Rig scalar(kernels::named("scalar")), rig(kernels());
  expect_same(conversation.attend(rig, mixed), conversation.attend(scalar, mixed));
}

TEST_P(Attention, ReadsNoTileThatAWindowMasks) {
  // Pages that do not exist would be read outside the cache.
  const Heads heads{1, 1, 0, 0, 1, 16, 16};
  Rig rig(kernels());
  KvCache cache = rig.ops().make_kv_cache(heads, {.pages = 1, .slots = 1, .step_tokens = 1}, 0);
  std::mt19937 random(1);
  rig.begin(1, {{70}, {0}, {}, {{-1, 0}}});
  const Matrix v = random_matrix(1, 16, random);
  const Activations q = rig.input(random_matrix(1, 16, random));
  const Activations k = rig.input(random_matrix(1, 16, random));
  const Activations values = rig.input(v);
  const Matrix out =
      rig.output(rig.ops().attend(heads, cache, q, k, values, {.scale = 1, .window = 1, .sinks = {}}));
  for (std::int64_t i = 0; i < 16; ++i) EXPECT_NEAR(out(0, i), halves(v)(0, i), 1e-6);
}

/// Bytes of the cache that are in memory.
std::uint64_t resident_bytes(const PagedKv& cache) {
  const std::span<std::byte> bytes = cache.memory.bytes();
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes.size() + page - 1) / page);
  EXPECT_EQ(mincore(bytes.data(), bytes.size(), pages.data()), 0);
  return page * static_cast<std::uint64_t>(std::count_if(pages.begin(), pages.end(),
                                                         [](unsigned char each) { return (each & 1) != 0; }));
}

TEST(PagedKv, OfALongContextHasInMemoryOnlyWhatIsWrittenTo) {
  const Heads heads{.n_kv_heads = 4, .k_dim = 128, .v_dim = 128};
  constexpr std::int64_t pages = 131072 / page_positions;
  const PagedKv cache(kernels::best().kv(KvType::f16), heads, PageMap{.pages = pages});
  EXPECT_EQ(cache.memory.bytes().size(), paged_kv_bytes(KvType::f16, heads, pages));
  EXPECT_EQ(resident_bytes(cache), 0u);
  std::memset(cache.tile(3, 7), 1, cache.tile_bytes);
  EXPECT_GE(resident_bytes(cache), cache.tile_bytes);
  constexpr std::uint64_t huge_page = std::uint64_t{2} << 20;
  EXPECT_LE(resident_bytes(cache), 2 * huge_page);
}

TEST(PagedKv, OfNoHeadsTakesNothingThatCounts) {
  const Heads heads{.n_kv_heads = 0, .k_dim = 128, .v_dim = 128};
  const PagedKv cache(kernels::best().kv(KvType::f16), heads, PageMap{.pages = 10});
  EXPECT_EQ(paged_kv_bytes(KvType::f16, heads, 10), 0u);
  EXPECT_EQ(resident_bytes(cache), 0u);
}

}  // namespace
}  // namespace yoke::ops::cpu
