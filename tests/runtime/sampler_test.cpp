#include "runtime/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "runtime/reference_sampler.h"

namespace yoke::runtime {
namespace {

const kernels::Kernels& kernels() { return kernels::best(); }

Token drawn(const std::vector<float>& logits, const Sampling& sampling, std::int32_t position) {
  return choose(kernels(), {ranked(logits, 0), true}, {}, sampling, position).value();
}

TEST(Choose, GreedyTakesTheLargestAndTheFirstAmongEquals) {
  EXPECT_EQ(drawn({-3, 2, 1, 2}, {0, 0}, 0), 1);
  EXPECT_EQ(drawn({-3}, {0, 0}, 0), 0);
  EXPECT_EQ(drawn({-0.0f, 0.0f}, {0, 0}, 0), 0);
}

/// The reference's token over many rows and positions, wherever float32 can tell.
void expect_as_defined(std::size_t vocabulary, int trials,
                       const std::function<Sampling(std::mt19937&)>& make) {
  std::mt19937 random(17);
  int close = 0;
  for (int trial = 0; trial < trials; ++trial) {
    const Sampling sampling = make(random);
    const float spread = trial % 4 == 0 ? 0.1f : static_cast<float>(1 + trial % 4);
    const std::vector<float> logits = random_row(vocabulary, spread, random);
    const ReferenceToken expected = ReferenceSampler(logits, sampling).sample(trial);
    close += expected.close ? 1 : 0;
    if (!expected.close) {
      ASSERT_EQ(drawn(logits, sampling, trial), expected.token) << "trial " << trial;
    }
  }
  EXPECT_LT(close, trials / 20) << "the reference hardly tells";
}

TEST(Choose, DoesWhatTheDefinitionOfEachKnobSays) {
  const auto with = [](auto set) {
    return [set](std::mt19937& random) {
      Sampling sampling;
      sampling.temperature = 0.5f + static_cast<float>(random() % 100) / 50;
      sampling.seed = random();
      set(sampling, static_cast<float>(random() % 98 + 1) / 99);
      return sampling;
    };
  };
  expect_as_defined(300, 1000, with([](Sampling&, float) {}));
  expect_as_defined(300, 1000, with([](Sampling& s, float x) { s.top_k = 1 + static_cast<int>(x * 300); }));
  expect_as_defined(300, 1000, with([](Sampling& s, float x) { s.top_p = x; }));
  expect_as_defined(300, 1000, with([](Sampling& s, float x) { s.min_p = x * x; }));
  expect_as_defined(300, 1000, with([](Sampling& s, float x) { s.typical_p = x; }));
}

TEST(Choose, DoesWhatTheDefinitionSaysOfKnobsTogether) {
  expect_as_defined(300, 5000, [](std::mt19937& random) { return random_sampling(random, 300); });
  expect_as_defined(20'000, 100, [](std::mt19937& random) { return random_sampling(random, 20'000); });
}

// The promise that followers rely on: an answer from a part is the answer from the whole.
TEST(Choose, AnswersFromAPartOfTheRankingAsFromTheWholeOrNotAtAll) {
  std::mt19937 random(23);
  int decided = 0;
  int undecided = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    const Sampling sampling = random_sampling(random, 200);
    const std::vector<float> logits = random_row(200, trial % 2 == 0 ? 0.1f : 2, random);
    const Ranking whole{ranked(logits, 0), true};
    Ranking part{whole.candidates, false};
    part.candidates.resize(1 + random() % 200);
    Sums sums;
    if (needs_sums(sampling))
      sums = add_odds(kernels(), logits, whole.candidates[0].logit, sampling.temperature);
    const std::optional<Token> token = choose(kernels(), part, sums, sampling, trial);
    (token ? decided : undecided) += 1;
    if (token) {
      ASSERT_EQ(token, choose(kernels(), whole, {}, sampling, trial)) << "trial " << trial;
    }
  }
  EXPECT_GT(decided, 5000);
  EXPECT_GT(undecided, 1000);
}

TEST(ChooseFromWhole, GivesTheTokenOfTheCompleteRanking) {
  std::mt19937 random(29);
  for (int trial = 0; trial < 150; ++trial) {
    const std::size_t vocabulary = trial % 3 == 0 ? 8192 : 20'000;
    const Sampling sampling = random_sampling(random, 8192);
    const std::vector<float> logits = random_row(vocabulary, trial % 2 == 0 ? 0.1f : 2, random);
    EXPECT_EQ(choose_from_whole(kernels(), logits, sampling, trial), drawn(logits, sampling, trial));
  }
}

TEST(Choose, AsksForMoreWhereTheListedCannotTell) {
  const std::vector<float> flat(1000, 1.0f);
  const auto from_part = [&](const Sampling& sampling, std::size_t listed) {
    Ranking part{ranked(flat, 0), false};
    part.candidates.resize(listed);
    return choose(kernels(), part, add_odds(kernels(), flat, 1, 1), sampling, 3).has_value();
  };
  EXPECT_FALSE(from_part({.temperature = 1, .top_p = 0.999f}, 900));
  EXPECT_TRUE(from_part({.temperature = 1, .top_p = 0.5f}, 500));
  EXPECT_FALSE(from_part({.temperature = 1, .top_p = 0.5f}, 499));
  EXPECT_FALSE(from_part({.temperature = 1, .min_p = 0.5f}, 999)) << "the next may be as likely";
  EXPECT_FALSE(from_part({.temperature = 1, .typical_p = 0.1f}, 999)) << "the next may be as typical";
  EXPECT_FALSE(from_part({.temperature = 1, .top_k = 900}, 899));
  EXPECT_TRUE(from_part({.temperature = 1, .top_k = 900}, 900));
  EXPECT_TRUE(from_part({.temperature = 0}, 1));
}

TEST(Choose, DrawsFromTheSoftmaxAtItsTemperature) {
  const std::vector<float> logits = {0.0f, 1.0f, -1.0f, 2.0f};
  for (const float temperature : {0.5f, 1.0f, 2.0f}) {
    std::vector<double> expected;
    double sum = 0;
    for (const float logit : logits) {
      expected.push_back(std::exp(static_cast<double>(logit) / static_cast<double>(temperature)));
      sum += expected.back();
    }
    constexpr int draws = 40'000;
    std::vector<int> counts(logits.size());
    for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(drawn(logits, {temperature, 11}, i))];
    double chi_squared = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double mean = draws * expected[i] / sum;
      chi_squared += (counts[i] - mean) * (counts[i] - mean) / mean;
    }
    EXPECT_LT(chi_squared, 16.3)
        << "three degrees of freedom: one chance in a thousand, and the seed is fixed";
  }
}

TEST(Choose, IsRepeatableAndDependsOnSeedAndPosition) {
  const std::vector<float> logits(1000, 0.0f);
  EXPECT_EQ(drawn(logits, {1, 5}, 7), drawn(logits, {1, 5}, 7));
  EXPECT_NE(drawn(logits, {1, 5}, 7), drawn(logits, {1, 5}, 8));
  EXPECT_NE(drawn(logits, {1, 5}, 7), drawn(logits, {1, 6}, 7));
}

TEST(Choose, StandsExtremes) {
  constexpr float most = std::numeric_limits<float>::max();
  constexpr float least = std::numeric_limits<float>::denorm_min();
  for (const float temperature : {least, 1e-20f, 1.0f, 1e20f, most}) {
    for (const Sampling& sampling :
         {Sampling{.temperature = temperature}, Sampling{.temperature = temperature, .top_p = 0.5f},
          Sampling{.temperature = temperature, .min_p = 0.5f},
          Sampling{.temperature = temperature, .typical_p = 0.5f}}) {
      for (int position = 0; position < 20; ++position) {
        const Token token = drawn({-most, 1, most, most, 0}, sampling, position);
        EXPECT_TRUE(token >= 0 && token < 5);
        if (temperature <= 1) {
          EXPECT_TRUE(token == 2 || token == 3);
        }
      }
    }
  }
}

TEST(NeedsSums, IsSaidOnlyWhereTheWholeRowCounts) {
  EXPECT_FALSE(needs_sums({.temperature = 0, .top_p = 0.5f}));
  EXPECT_FALSE(needs_sums({.temperature = 1, .top_k = 5, .top_p = 0.5f}));
  EXPECT_FALSE(needs_sums({.temperature = 1, .min_p = 0.5f}));
  EXPECT_TRUE(needs_sums({.temperature = 1, .top_p = 0.5f, .min_p = 0.5f}));
  EXPECT_TRUE(needs_sums({.temperature = 1, .min_p = 0.5f, .typical_p = 0.5f}));
  EXPECT_TRUE(needs_sums({.temperature = 1}));
}

TEST(RandomNumber, IsEvenAndBelowItsBound) {
  double sum = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const std::uint64_t value = random_number(1, i);
    ASSERT_LT(value, std::uint64_t{1} << 53);
    sum += static_cast<double>(value) * 0x1p-53;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.01);
}

}  // namespace
}  // namespace yoke::runtime
