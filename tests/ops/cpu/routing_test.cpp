#include "ops/cpu/routing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "base/thread_pool.h"

namespace yoke::ops::cpu {
namespace {

using Probability = RouteSpec::Probability;

/// Weight of each expert that a token goes to.
using Choice = std::map<std::int64_t, double>;

class Router {
 public:
  explicit Router(const kernels::Kernels& kernels = kernels::best(), int threads = 2)
      : kernels_(kernels), pool_(threads) {}

  RoutedTokens route(const std::vector<float>& scores, std::int64_t experts, const RouteSpec& spec,
                     const std::vector<float>& bias = {}) {
    return cpu::route(scores.data(), std::ssize(scores) / experts, experts, spec,
                      bias.empty() ? nullptr : bias.data(), {kernels_, pool_, arena_});
  }
  std::vector<Choice> choices(const std::vector<float>& scores, std::int64_t experts, const RouteSpec& spec,
                              const std::vector<float>& bias = {}) {
    std::vector<Choice> all(scores.size() / static_cast<std::size_t>(experts));
    const RoutedTokens routed = route(scores, experts, spec, bias);
    for (const auto& [expert, first, n] : routed.groups) {
      for (std::int64_t i = first; i < first + n; ++i)
        all[routed.tokens[i]][expert] = static_cast<double>(routed.weights[i]);
    }
    return all;
  }

 private:
  const kernels::Kernels& kernels_;
  ThreadPool pool_;
  Arena arena_;
};

std::vector<float> random_scores(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> scores(n);
  for (float& score : scores) score = normal(random);
  return scores;
}

/// The definition, in double precision and without groups.
Choice chosen(const std::vector<double>& scores, const RouteSpec& spec, const std::vector<float>& bias) {
  std::vector<double> probability = scores;
  double sum = 0;
  const bool by_sigmoid =
      spec.probability == Probability::sigmoid || spec.probability == Probability::sigmoid_of_chosen;
  for (double& p : probability) {
    p = by_sigmoid ? 1 / (1 + std::exp(-p)) : std::exp(p);
    sum += p;
  }
  if (!by_sigmoid)
    for (double& p : probability) p /= sum;
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto rank = [&](std::int64_t e) {
    const bool afterwards = spec.probability == Probability::softmax_of_chosen ||
                            spec.probability == Probability::sigmoid_of_chosen;
    const double of = afterwards ? scores[e] : probability[e];
    return bias.empty() ? of : of + static_cast<double>(bias[e]);
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return rank(a) > rank(b); });
  Choice choice;
  double total = 0;
  for (std::int64_t i = 0; i < spec.used; ++i) total += probability[order[i]];
  const bool divided = spec.normalised || spec.probability == Probability::softmax_of_chosen;
  for (std::int64_t i = 0; i < spec.used; ++i)
    choice[order[i]] = probability[order[i]] / (divided ? total : 1) * static_cast<double>(spec.scale);
  return choice;
}

TEST(Route, FollowsTheDefinitionOnEveryInstructionSet) {
  constexpr std::int64_t experts = 60, tokens = 25;
  const std::vector<float> scores = random_scores(experts * tokens, 1), bias = random_scores(experts, 2);
  for (const Probability probability : {Probability::softmax, Probability::sigmoid,
                                        Probability::softmax_of_chosen, Probability::sigmoid_of_chosen}) {
    for (const bool normalised : {false, true}) {
      for (const bool biased : {false, true}) {
        const RouteSpec spec{.probability = probability, .used = 6, .normalised = normalised, .scale = 2.5f};
        for (const kernels::Kernels* kernels : kernels::available()) {
          const std::vector<float> added = biased ? bias : std::vector<float>();
          const std::vector<Choice> found = Router(*kernels).choices(scores, experts, spec, added);
          for (std::int64_t t = 0; t < tokens; ++t) {
            const Choice expected =
                chosen({scores.begin() + t * experts, scores.begin() + (t + 1) * experts}, spec, added);
            ASSERT_EQ(found[t].size(), expected.size());
            for (const auto& [expert, weight] : expected) {
              ASSERT_TRUE(found[t].contains(expert)) << kernels->isa << " token " << t;
              ASSERT_NEAR(found[t].at(expert), weight, 1e-6 * spec.scale);
            }
          }
        }
      }
    }
  }
}

TEST(Route, IsTheSameBitsForATokenAloneAndAmongOthers) {
  constexpr std::int64_t experts = 40, tokens = 9;
  const std::vector<float> scores = random_scores(experts * tokens, 3);
  const RouteSpec spec{.used = 4, .normalised = true};
  const std::vector<Choice> together = Router().choices(scores, experts, spec);
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::vector<float> alone(scores.begin() + t * experts, scores.begin() + (t + 1) * experts);
    EXPECT_EQ(Router(kernels::best(), 1).choices(alone, experts, spec).front(), together[t]);
  }
}

TEST(Route, OfEqualsTakesTheFirst) {
  const std::vector<Choice> choice = Router().choices({1, 3, 3, 1, 3}, 5, {.used = 2, .normalised = true});
  EXPECT_EQ(choice.front(), (Choice{{1, 0.5}, {2, 0.5}}));
}

TEST(Route, ChoosesFromTheBestGroupsOnly) {
  // Groups of two. The second has the best expert, the third the best sum.
  const std::vector<float> scores{0.1f, 0.2f, 3.0f, -3.0f, 2.0f, 1.9f, 0.3f, 0.4f};
  RouteSpec spec{.probability = Probability::softmax_of_chosen, .used = 2, .groups = 4, .groups_used = 1};
  const auto experts = [&] {
    std::vector<std::int64_t> found;
    const Choice choice = Router().choices(scores, 8, spec).front();
    for (const auto& [expert, weight] : choice) found.push_back(expert);
    return found;
  };
  EXPECT_THAT(experts(), testing::ElementsAre(4, 5));
  spec.group_deciders = 1;
  EXPECT_THAT(experts(), testing::ElementsAre(2, 3));
  spec.groups_used = 2;
  EXPECT_THAT(experts(), testing::ElementsAre(2, 4));
  spec.groups_used = 4;
  EXPECT_THAT(experts(), testing::ElementsAre(2, 4));
}

TEST(Route, BySigmoidOfTheChosenTellsScoresApartWhoseSigmoidIsOne) {
  const std::vector<float> scores{30, 50, 40};
  EXPECT_EQ(Router().choices(scores, 3, {.probability = Probability::sigmoid_of_chosen}).front(),
            (Choice{{1, 1.0}}));
}

/// Experts and weights of SparseMixer, as its authors' code evaluates it
/// (https://huggingface.co/microsoft/Phi-3.5-MoE-instruct, sparsemixer in modeling_phimoe.py), in double
/// precision.
Choice sparsely_mixed(const std::vector<double>& scores, double jitter) {
  Choice choice;
  for (int i = 0; i < 2; ++i) {
    std::vector<double> left = scores;
    for (const auto& [expert, weight] : choice) left[expert] = -std::numeric_limits<double>::infinity();
    const auto best = std::max_element(left.begin(), left.end());
    double sum = 0;
    for (std::size_t e = 0; e < scores.size(); ++e) {
      const bool is_masked = (*best - scores[e]) / std::max(std::abs(scores[e]), *best) > 2 * jitter;
      if (!is_masked) sum += std::exp(left[e] - *best);
    }
    choice[best - left.begin()] = 1 / sum;
  }
  return choice;
}

TEST(Route, MixesSparselyAsPublishedOnEveryInstructionSet) {
  constexpr std::int64_t experts = 16, tokens = 60;
  std::vector<float> scores = random_scores(experts * tokens, 4);
  for (std::size_t i = 0; i < scores.size(); i += 2) scores[i] = std::round(scores[i] * 8) / 8;  // near ones
  for (std::size_t i = 0; i < 2 * experts; ++i) scores[i] = -std::abs(scores[i]);
  const RouteSpec spec{.probability = Probability::sparse_mixer, .used = 2, .tolerance = 0.0437f};
  int shared = 0;  // tokens of which an expert has a rival that counts
  for (const kernels::Kernels* kernels : kernels::available()) {
    const std::vector<Choice> found = Router(*kernels).choices(scores, experts, spec);
    for (std::int64_t t = 0; t < tokens; ++t) {
      const Choice expected =
          sparsely_mixed({scores.begin() + t * experts, scores.begin() + (t + 1) * experts}, 0.0437 / 2);
      for (const auto& [expert, weight] : expected) {
        ASSERT_TRUE(found[t].contains(expert)) << kernels->isa << " token " << t;
        ASSERT_NEAR(found[t].at(expert), weight, 1e-6);
        shared += weight < 1 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(shared, 10);
}

TEST(Route, SortsTokensByExpert) {
  const RoutedTokens routed = Router().route({0, 9, 8, 9, 0, 8, 0, 8, 9}, 3, {.used = 2});
  ASSERT_EQ(routed.groups.size(), 3u);
  const std::vector<std::vector<std::int32_t>> expected = {{1}, {0, 2}, {0, 1, 2}};
  for (std::size_t g = 0; g < 3; ++g) {
    const auto& [expert, first, n] = routed.groups[g];
    EXPECT_EQ(expert, static_cast<std::int64_t>(g));
    EXPECT_EQ(std::vector<std::int32_t>(routed.tokens.begin() + first, routed.tokens.begin() + first + n),
              expected[g]);
  }
}

TEST(Route, ChoosesNumbersBeforeWhatIsNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<Choice> choice =
      Router().choices({nan, 1, nan, 2, nan}, 5, {.probability = Probability::softmax_of_chosen, .used = 2});
  EXPECT_TRUE(choice.front().contains(1));
  EXPECT_TRUE(choice.front().contains(3));
  EXPECT_EQ(Router().choices(std::vector<float>(5, nan), 5, {.used = 2}).front().size(), 2u);
}

TEST(Route, NoTokensGoNowhere) { EXPECT_TRUE(Router().route({}, 4, {.used = 2}).groups.empty()); }

}  // namespace
}  // namespace yoke::ops::cpu
