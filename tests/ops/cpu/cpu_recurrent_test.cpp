#include "ops/cpu/cpu_recurrent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "ops/cpu/support.h"

namespace yoke::ops::cpu {
namespace {

constexpr float epsilon = 1e-5f;

/// A convolution and the rule behind it.
struct Net {
  DeltaHeads heads;
  std::int64_t taps;
  Matrix weights, score_bias, rate;

  Net(const DeltaHeads& heads_, std::int64_t taps_, std::mt19937& random)
      : heads(heads_),
        taps(taps_),
        weights(random_matrix(heads.channels(), taps, random)),
        score_bias(random_matrix(1, heads.n_v_heads(), random)),
        rate(random_matrix(1, heads.n_v_heads(), random)) {
    for (double& value : rate.values) value = -std::abs(value);
  }
};

/// What a sequence's tokens bring.
struct Text {
  Matrix channels, scores;

  Text(const Net& net, std::int64_t tokens, std::mt19937& random)
      : channels(random_matrix(tokens, net.heads.channels(), random)),
        scores(random_matrix(tokens, 2 * net.heads.n_v_heads(), random)) {}
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

Matrix convolved(const Net& net, const Matrix& x) {
  Matrix out(x.rows, x.cols);
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t c = 0; c < x.cols; ++c) {
      double sum = 0;
      for (std::int64_t tap = std::max<std::int64_t>(0, net.taps - 1 - t); tap < net.taps; ++tap)
        sum += net.weights(c, tap) * x(t - (net.taps - 1) + tap, c);
      out(t, c) = sum * sigmoid(sum);
    }
  }
  return out;
}

/// Values [first, first + n) of row t, divided by their length.
std::vector<double> head_of(const Matrix& m, std::int64_t t, std::int64_t first, std::int64_t n) {
  std::vector<double> head;
  double square = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    head.push_back(m(t, first + i));
    square += head.back() * head.back();
  }
  for (double& value : head) value /= std::sqrt(square + static_cast<double>(epsilon));
  return head;
}

/// The definition, one head after the other.
Matrix expected(const Net& net, const Text& text) {
  const auto& [n_k_heads, group, k_dim, v_dim] = net.heads;
  const Matrix qkv = convolved(net, text.channels);
  const std::int64_t keys = n_k_heads * k_dim, v_heads = net.heads.n_v_heads();
  Matrix out(qkv.rows, v_heads * v_dim);
  for (std::int64_t v_head = 0; v_head < v_heads; ++v_head) {
    const std::int64_t k_head = v_head / group, in_group = v_head % group;
    Matrix state(k_dim, v_dim);
    for (std::int64_t t = 0; t < qkv.rows; ++t) {
      const std::vector<double> q = head_of(qkv, t, k_head * k_dim, k_dim);
      const std::vector<double> k = head_of(qkv, t, keys + k_head * k_dim, k_dim);
      const double beta = sigmoid(text.scores(t, 2 * group * k_head + in_group));
      const double a = text.scores(t, 2 * group * k_head + group + in_group) + net.score_bias(0, v_head);
      const double decay = std::exp(net.rate(0, v_head) * std::log1p(std::exp(a)));
      for (std::int64_t c = 0; c < v_dim; ++c) {
        double known = 0, found = 0;
        for (std::int64_t r = 0; r < k_dim; ++r) {
          state(r, c) *= decay;
          known += state(r, c) * k[r];
        }
        for (std::int64_t r = 0; r < k_dim; ++r) {
          state(r, c) += k[r] * beta * (qkv(t, 2 * keys + v_head * v_dim + c) - known);
          found += state(r, c) * q[r];
        }
        out(t, v_head * v_dim + c) = found / std::sqrt(static_cast<double>(k_dim));
      }
    }
  }
  return out;
}

/// Tokens of a step: of which sequence, and at which position.
using StepTokens = std::vector<std::pair<std::int32_t, std::int32_t>>;

/// One sequence in steps of `chunk` tokens.
std::vector<StepTokens> in_chunks(std::int64_t tokens, std::int64_t chunk) {
  std::vector<StepTokens> steps;
  for (std::int32_t t = 0; t < tokens; ++t) {
    if (t % chunk == 0) steps.emplace_back();
    steps.back().emplace_back(0, t);
  }
  return steps;
}

/// What a step reads and keeps besides its slots' states.
struct StepStates {
  std::vector<std::int32_t> resumed{};
  std::vector<Checkpoint> checkpoints{};
};
constexpr std::int64_t checkpoints = 2;

/// What comes out of the steps, in their tokens' order. Sequence i has slot i, and checkpoints come behind
/// slots; texts[text_of[step][i]] are its tokens in that step, or texts[i] where there is no list.
Matrix run(const kernels::Kernels& kernels, int threads, const Net& net, const std::vector<Text>& texts,
           const std::vector<StepTokens>& steps, const std::vector<std::vector<std::size_t>>& text_of = {},
           const std::vector<StepStates>& states = {}) {
  Rig rig(kernels, threads);
  const auto vector = [&](const Matrix& m) {
    return rig.ops().load_vector(Stored(quant::Type::f32, m).whole());
  };
  const std::int64_t n_states = std::ssize(texts) + checkpoints;
  Convolution convolution = rig.ops().make_convolution(vector(net.weights), net.taps, n_states);
  DeltaState state = rig.ops().make_delta_state(net.heads, n_states);
  const Vector score_bias = vector(net.score_bias), rate = vector(net.rate);
  Matrix all(0, net.heads.n_v_heads() * net.heads.v_dim);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StepTokens& tokens = steps[i];
    const auto n = std::ssize(tokens);
    Matrix channels(n, net.heads.channels()), scores(n, 2 * net.heads.n_v_heads());
    Rig::Plan plan;
    plan.pages.resize(texts.size());
    if (!states.empty()) {
      plan.resumed = states[i].resumed;
      plan.checkpoints = states[i].checkpoints;
    }
    for (std::int64_t t = 0; t < n; ++t) {
      const auto [sequence, position] = tokens[static_cast<std::size_t>(t)];
      const auto index = static_cast<std::size_t>(sequence);
      const Text& text = texts[text_of.empty() ? index : text_of[i][index]];
      plan.sequences.push_back(sequence);
      plan.positions.push_back(position);
      for (std::int64_t c = 0; c < channels.cols; ++c) channels(t, c) = text.channels(position, c);
      for (std::int64_t c = 0; c < scores.cols; ++c) scores(t, c) = text.scores(position, c);
    }
    rig.dirty_scratch(n, 2 * channels.cols);
    rig.begin(n, plan);
    const Activations x = rig.input(channels), s = rig.input(scores);
    const Matrix out = rig.output(rig.ops().delta_rule(net.heads, state,
                                                       {.qkv = rig.ops().convolve(convolution, x),
                                                        .scores = s,
                                                        .score_bias = score_bias,
                                                        .rate = rate,
                                                        .epsilon = epsilon}));
    all.rows += out.rows;
    all.values.insert(all.values.end(), out.values.begin(), out.values.end());
  }
  return all;
}

/// Σ(a−b)² / Σb²
double error_of(const Matrix& a, const Matrix& b) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < b.values.size(); ++i) {
    error += (a.values.at(i) - b.values[i]) * (a.values.at(i) - b.values[i]);
    norm += b.values[i] * b.values[i];
  }
  return error / norm;
}

/// Each value within some 30 roundings, as long as texts are here.
constexpr double tolerance = 900 * float_epsilon * float_epsilon;

const DeltaHeads shapes[] = {{.n_k_heads = 1, .group = 1, .k_dim = 4, .v_dim = 4},
                             {.n_k_heads = 2, .group = 2, .k_dim = 16, .v_dim = 16},
                             {.n_k_heads = 3, .group = 2, .k_dim = 33, .v_dim = 70},
                             {.n_k_heads = 2, .group = 3, .k_dim = 128, .v_dim = 128}};

class Recurrent : public OnEveryIsa {};

TEST_P(Recurrent, FollowsTheDefinitionHoweverTheTokensAreFed) {
  std::mt19937 random(31);
  for (const DeltaHeads& heads : shapes) {
    for (const std::int64_t taps : {1, 2, 4}) {
      const Net net(heads, taps, random);
      const std::vector<Text> texts{Text(net, 21, random)};
      const Matrix whole = run(kernels(), 1, net, texts, in_chunks(21, 21));
      EXPECT_LT(error_of(whole, expected(net, texts[0])), tolerance) << heads.k_dim << ' ' << taps;
      for (const std::int64_t chunk : {1, 2, 3, 8}) {
        const int threads = chunk == 8 ? 3 : 1;
        EXPECT_EQ(run(kernels(), threads, net, texts, in_chunks(21, chunk)).values, whole.values)
            << heads.k_dim << ' ' << taps << ' ' << chunk;
      }
    }
  }
}

TEST_P(Recurrent, GivesTheBitsOfTheScalarKernels) {
  std::mt19937 random(32);
  for (const DeltaHeads& heads : shapes) {
    const Net net(heads, 4, random);
    const std::vector<Text> texts{Text(net, 9, random)};
    EXPECT_EQ(run(kernels(), 1, net, texts, in_chunks(9, 4)).values,
              run(kernels::named("scalar"), 1, net, texts, in_chunks(9, 4)).values);
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Recurrent, testing::ValuesIn(kernels::available()), isa_name);

TEST(RecurrentSlots, InterleavedSequencesAreTheSameBitsAsEachAlone) {
  std::mt19937 random(33);
  const Net net(shapes[2], 4, random);
  const std::vector<Text> texts{Text(net, 19, random), Text(net, 23, random), Text(net, 11, random)};
  std::vector<Matrix> alone;
  for (const Text& text : texts) {
    alone.push_back(run(kernels::best(), 1, net, {text}, in_chunks(text.channels.rows, text.channels.rows)));
  }
  std::vector<std::int32_t> next(texts.size(), 0);
  std::vector<StepTokens> steps;
  StepTokens order;
  while (order.size() < 19 + 23 + 11) {
    StepTokens step;
    for (int i = 0; i < 7; ++i) {
      const std::size_t sequence = random() % texts.size();
      if (next[sequence] == texts[sequence].channels.rows) continue;
      step.emplace_back(static_cast<std::int32_t>(sequence), next[sequence]++);
    }
    order.insert(order.end(), step.begin(), step.end());
    if (!step.empty()) steps.push_back(std::move(step));
  }
  for (const int threads : {1, 2, 3}) {
    const Matrix mixed = run(kernels::best(), threads, net, texts, steps);
    for (std::size_t t = 0; t < order.size(); ++t) {
      const auto [sequence, position] = order[t];
      for (std::int64_t c = 0; c < mixed.cols; ++c) {
        ASSERT_EQ(mixed(static_cast<std::int64_t>(t), c),
                  alone[static_cast<std::size_t>(sequence)](position, c))
            << "sequence " << sequence << ", position " << position;
      }
    }
  }
}

TEST(RecurrentSlots, ASequenceThatBeginsForgetsWhoseSlotItHas) {
  std::mt19937 random(34);
  const Net net(shapes[1], 4, random);
  const std::vector<Text> texts{Text(net, 6, random), Text(net, 6, random)};
  const Matrix alone = run(kernels::best(), 1, net, {texts[1]}, in_chunks(6, 6));
  // Slot 0 first has text 0, then text 1, whose first step is shorter than the convolution reaches.
  const std::vector<StepTokens> steps{
      {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}}, {{0, 0}}, {{0, 1}}, {{0, 2}, {0, 3}}, {{0, 4}, {0, 5}}};
  const Matrix both = run(kernels::best(), 1, net, texts, steps, {{0, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}});
  const std::vector<double> second(both.values.begin() + 5 * both.cols, both.values.end());
  EXPECT_EQ(second, alone.values);
}

TEST(RecurrentSlots, ASequenceGoesOnFromACheckpointOfAnother) {
  std::mt19937 random(36);
  const Net net(shapes[2], 4, random);
  const Text text(net, 21, random);
  const Matrix alone = run(kernels::best(), 1, net, {text}, in_chunks(21, 21));
  const auto tokens = [](std::int32_t sequence, std::int32_t first, std::int32_t end) {
    StepTokens step;
    for (std::int32_t t = first; t < end; ++t) step.emplace_back(sequence, t);
    return step;
  };
  // The convolution reaches from the first checkpoint into the step before it, and so from the second.
  const std::vector<StepTokens> steps{tokens(0, 0, 5), tokens(0, 5, 21), tokens(1, 13, 15), tokens(1, 15, 21),
                                      tokens(1, 6, 21)};
  const std::vector<StepStates> states{{},
                                       {.checkpoints = {{0, 6, 3}, {0, 13, 2}}},
                                       {.resumed = {0, 2}, .checkpoints = {}},
                                       {},
                                       {.resumed = {0, 3}, .checkpoints = {}}};
  for (const int threads : {1, 3}) {
    const Matrix all = run(kernels::best(), threads, net, {text, text}, steps, {}, states);
    std::int64_t row = 0;
    for (const StepTokens& step : steps) {
      for (const auto& [sequence, position] : step) {
        for (std::int64_t c = 0; c < all.cols; ++c)
          ASSERT_EQ(all(row, c), alone(position, c)) << "row " << row << ", position " << position;
        ++row;
      }
    }
  }
}

TEST(RecurrentSlots, ARankWithoutHeadsComputesNothing) {
  std::mt19937 random(35);
  const Net net({.n_k_heads = 0, .group = 2, .k_dim = 16, .v_dim = 16}, 4, random);
  const std::vector<Text> texts{Text(net, 5, random)};
  const Matrix out = run(kernels::best(), 2, net, texts, in_chunks(5, 2));
  EXPECT_EQ(out.rows, 5);
  EXPECT_EQ(out.cols, 0);
}

TEST(RecurrentSlots, TakeTheBytesOfTheirStates) {
  Rig rig(kernels::best());
  const DeltaHeads heads{.n_k_heads = 16, .group = 2, .k_dim = 128, .v_dim = 64};
  EXPECT_EQ(heads.channels(), 16 * (2 * 128 + 2 * 64));
  const std::uint64_t slot = 4 * (3 * 16 * (2 * 128 + 2 * 64) + 32 * 128 * 64);
  EXPECT_EQ(rig.ops().delta_bytes(heads, 4, 1), slot);
  EXPECT_EQ(rig.ops().delta_bytes(heads, 4, 5), 5 * slot);
  EXPECT_EQ(rig.ops().delta_bytes(heads, 4, 0), 0);
  const DeltaHeads huge{.n_k_heads = 1 << 30, .group = 1, .k_dim = 1 << 30, .v_dim = 1 << 30};
  EXPECT_EQ(rig.ops().delta_bytes(huge, 4, 1), std::numeric_limits<std::uint64_t>::max());
}

}  // namespace
}  // namespace yoke::ops::cpu
