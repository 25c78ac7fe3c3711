#include "measure/divergence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "common/scratch.h"
#include "runtime/run_engine.h"

namespace yoke::measure {
namespace {

using runtime::Token;

std::vector<double> probabilities(std::span<const float> logits) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  std::vector<double> p;
  for (const float logit : logits) p.push_back(std::exp(static_cast<double>(logit)) / sum);
  return p;
}

/// By the definition, in double precision.
double naive_divergence(std::span<const float> base, std::span<const float> logits) {
  const std::vector<double> p = probabilities(base), q = probabilities(logits);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] * std::log(p[i] / q[i]);
  return sum;
}

constexpr std::int32_t vocabulary = 500;
constexpr std::int32_t rows = 300;

/// One row to a window.
Windows windows() { return {std::vector<Token>(3 * rows, 1), 3, std::nullopt}; }

std::vector<std::vector<float>> random_rows(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> logit(2, 3);
  std::vector<std::vector<float>> all(rows, std::vector<float>(vocabulary));
  for (std::vector<float>& row : all) {
    for (float& value : row) value = logit(random);
  }
  return all;
}

/// Each row moved by as much as its number says.
std::vector<std::vector<float>> moved(std::vector<std::vector<float>> all) {
  std::mt19937 random(9);
  std::normal_distribution<float> noise(0, 1);
  for (std::size_t row = 0; row < all.size(); ++row) {
    for (float& value : all[row]) value += noise(random) * 0.003F * static_cast<float>(row);
  }
  return all;
}

void save(const std::filesystem::path& path, const std::vector<std::vector<float>>& all) {
  DistributionWriter writer(path, describe_run(windows(), vocabulary, "a model"));
  for (const std::vector<float>& row : all) writer.add({row, 1, std::log(probabilities(row)[1])});
  writer.commit();
}

// The base is kept in steps of 1/2048, so each logit is off by δ, evenly spread over ±1/4096. To first order
// in δ that moves the divergence by the covariance of δ with ln(p ÷ q) under p, at most the largest δ times
// that one's mean deviation, which Pinsker and Jensen bound for small divergences by about √(2·KL); and by
// half the variance of δ, 1e-8.
double tolerance(double divergence) { return std::sqrt(2 * divergence) / 4096 + divergence / 1000 + 1e-8; }

TEST(KlDivergence, IsThatOfTheDefinition) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  const auto base = random_rows(1), other = moved(base);
  save(path, base);
  const DistributionFile file(path);
  for (std::size_t row = 0; row < base.size(); ++row) {
    const double expected = naive_divergence(base[row], other[row]);
    ASSERT_NEAR(kl_divergence(file.row(row), other[row]), expected, tolerance(expected)) << row;
  }
}

TEST(KlDivergence, OfUnrelatedDistributionsIsThatOfTheDefinition) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  const auto base = random_rows(1), other = random_rows(2);
  save(path, base);
  const double expected = naive_divergence(base[7], other[7]);
  EXPECT_GT(expected, 5);
  EXPECT_NEAR(kl_divergence(DistributionFile(path).row(7), other[7]), expected, 1e-3 * expected);
}

TEST(KlDivergence, FromItselfIsTheRoundingOfTheSteps) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  const auto base = random_rows(1);
  save(path, base);
  const DistributionFile file(path);
  for (std::size_t row = 0; row < base.size(); ++row) {
    const double divergence = kl_divergence(file.row(row), base[row]);
    EXPECT_GE(divergence, 0);
    EXPECT_LT(divergence,
              0.5 / 4096 / 4096);  // half the largest variance that an error within ±1/4096 can have
  }
}

TEST(KlDivergence, DoesNotMindHowLargeLogitsAre) {
  const SavedRow even{{0, 0, 0, 0}, 0, 0};
  // ln 4 tokens against one that is certain: Σ ¼ ln(¼ ÷ q) = ¾·1000 − ln 4.
  EXPECT_NEAR(kl_divergence(even, std::vector<float>{90000, 89000, 89000, 89000}), 750 - std::log(4.0), 1e-9);
  EXPECT_EQ(kl_divergence(even, std::vector<float>{-1e30F, -1e30F, -1e30F, -1e30F}), 0);
  // Certainty against even chances.
  EXPECT_NEAR(kl_divergence({{0, 65535, 65535, 65535}, 0, 0}, std::vector<float>{5, 5, 5, 5}), std::log(4.0),
              1e-9);
}

TEST(Divergence, SaysWhatTheRowsSayTogether) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  const auto base = random_rows(1), other = moved(base);
  save(path, base);
  const DistributionFile file(path);
  Divergence divergence(file);
  std::vector<double> each;
  double same = 0, base_nats = 0;
  for (std::size_t row = 0; row < base.size(); ++row) {
    divergence.add({other[row], 1, 0});
    each.push_back(naive_divergence(base[row], other[row]));
    const auto top = [](const std::vector<float>& x) {
      return std::max_element(x.begin(), x.end()) - x.begin();
    };
    same += top(base[row]) == top(other[row]) ? 1 : 0;
    base_nats -= std::log(probabilities(base[row])[1]);
  }
  double sum = 0, squares = 0;
  for (const double one : each) sum += one;
  for (const double one : each) squares += (one - sum / rows) * (one - sum / rows);
  std::sort(each.begin(), each.end());

  const DivergenceFigures figures = divergence.figures();
  EXPECT_EQ(figures.rows, rows);
  EXPECT_NEAR(figures.mean, sum / rows, tolerance(sum / rows));
  EXPECT_NEAR(figures.standard_error, std::sqrt(squares / (rows - 1) / rows), 1e-2 * figures.standard_error);
  EXPECT_NEAR(figures.quantile_99, each[296], tolerance(each[296]));  // the 297th of 300
  EXPECT_NEAR(figures.highest, each.back(), tolerance(each.back()));
  EXPECT_GT(same, 0);
  EXPECT_LT(same, rows);
  EXPECT_DOUBLE_EQ(figures.same_top, same / rows);
  EXPECT_NEAR(divergence.base_perplexity().value() / std::exp(base_nats / rows), 1, 1e-6);
}

TEST(Divergence, OfNothingIsNothing) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  save(path, random_rows(1));
  const DistributionFile file(path);
  EXPECT_EQ(Divergence(file).figures().rows, 0);
  EXPECT_EQ(Divergence(file).figures().mean, 0);
}

TEST(Divergence, OfAModelFromItselfIsNoneOnAnyNumberOfRanks) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  const std::vector<Token> start = {2044, 318, 262, 900, 17, 41, 1000, 77};
  std::vector<Token> text;
  for (int i = 0; i < 25; ++i) text.insert(text.end(), start.begin(), start.end());
  const Windows pieces(text, 50, 0);
  const auto ignore = [](std::int32_t, const Perplexity&) {};
  runtime::RankOptions options = runtime::demo_options();
  options.engine.context = 128;
  options.engine.activations =
      kernels::ActivationType::f32;  // bytes would be rounded differently after other sums
  Perplexity saved;
  runtime::with_engine(1, options, [&](runtime::Engine& engine) {
    DistributionWriter writer(path, describe_run(pieces, 2048, "demo"));
    saved = measure_perplexity(engine, pieces, ignore, [&](const ScoredRow& row) { writer.add(row); });
    writer.commit();
  });
  const DistributionFile file(path);
  for (const int ranks : {1, 2, 3, 4}) {
    runtime::with_engine(ranks, options, [&](runtime::Engine& engine) {
      Divergence divergence(file);
      measure_perplexity(engine, pieces, ignore, [&](const ScoredRow& row) { divergence.add(row); });
      const DivergenceFigures figures = divergence.figures();
      EXPECT_EQ(figures.rows, 4 * 24);
      EXPECT_LT(figures.mean, 1e-7);
      EXPECT_EQ(figures.same_top, 1);
      EXPECT_NEAR(divergence.base_perplexity().value() / saved.value(), 1, 1e-6);
    });
  }
}

}  // namespace
}  // namespace yoke::measure
