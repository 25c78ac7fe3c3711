// The forward against logits computed by another implementation (tests/data/golden), on any number of ranks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "common/tiny_families.h"
#include "model/reference_forward.h"
#include "model/run_model.h"
#include "quant/half.h"

namespace yoke::model {
namespace {

constexpr double tolerance = 1e-8;

/// Those that ReferenceForward computes.
constexpr const char* dense_families[] = {"llama", "llama-k", "llama-rope3", "qwen2", "qwen3"};

std::vector<float> golden(const std::string& name) {
  return read_floats(std::filesystem::path(YOKE_TEST_DATA) / "golden" / (name + ".f32"));
}

class Golden : public testing::TestWithParam<std::tuple<const char*, int>> {
 protected:
  std::string name() const { return std::get<0>(GetParam()); }
  int ranks() const { return std::get<1>(GetParam()); }
};

TEST_P(Golden, LogitsAreTheReferencesHoweverTheTokensAreFed) {
  const std::vector<std::int32_t> tokens = golden_tokens();
  const auto run = [&](std::size_t chunk) {
    return run_batches(tiny_model(name()), ranks(), in_chunks(tokens, chunk), 1, equal_shares(ranks()));
  };
  const std::vector<float> whole = run(tokens.size()), one_by_one = run(1);
  EXPECT_LT(normalised_error(whole, golden(name())), tolerance);
  EXPECT_LT(normalised_error(one_by_one, golden(name())), tolerance);
  EXPECT_TRUE(same_bits(run(7), whole));
  EXPECT_TRUE(same_bits(one_by_one, whole));
}

TEST_P(Golden, LogitsAreTheSameBitsOnEveryRank) {
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 16);
  const auto run = [&](int reporter) {
    return run_batches(tiny_model(name()), ranks(), batches, 1, equal_shares(ranks()), 1, reporter);
  };
  EXPECT_TRUE(same_bits(run(ranks() - 1), run(0)));
}

INSTANTIATE_TEST_SUITE_P(TinyModels, Golden,
                         testing::Combine(testing::ValuesIn(tiny_families),
                                          testing::Values(1, 2, 3, 4, 5, 8)),
                         [](const auto& test) {
                           std::string name = std::get<0>(test.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_on_" + std::to_string(std::get<1>(test.param));
                         });

TEST(Forward, UnequalSharesGiveTheReferencesLogits) {
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 48);
  EXPECT_LT(normalised_error(run_batches(tiny_model("llama"), 3, batches, 1, {5, 1, 2}), golden("llama")),
            tolerance);
}

TEST(Forward, MoreRanksThanAnythingGiveTheReferencesLogits) {
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 48);
  EXPECT_LT(
      normalised_error(run_batches(tiny_model("llama"), 24, batches, 1, equal_shares(24)), golden("llama")),
      tolerance);
}

TEST(Forward, ThreadsDoNotChangeABit) {
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 16);
  const auto run = [&](int threads) {
    return run_batches(tiny_model("llama"), 2, batches, 1, equal_shares(2), threads);
  };
  EXPECT_TRUE(same_bits(run(3), run(1)));
}

TEST(Forward, LogitsOfEveryFamilyAreTheReferencesOnEveryInstructionSetWithoutABitOfDifference) {
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 16);
  for (const char* name : tiny_families) {
    const auto run = [&](std::string_view isa) {
      return run_batches(tiny_model(name), 2, batches, 1, equal_shares(2), 1, 0, std::string(isa));
    };
    const std::vector<float> scalar = run("scalar");
    EXPECT_LT(normalised_error(scalar, golden(name)), tolerance) << name;
    for (const kernels::Kernels* kernels : kernels::available())
      EXPECT_TRUE(same_bits(run(kernels->isa), scalar)) << name << " on " << kernels->isa;
  }
}

TEST(Forward, KeysAndValuesOfFloat16GiveTheLogitsOfAReferenceThatRoundsThem) {
  const std::vector<std::int32_t> tokens = golden_tokens();
  const auto half = [](double value) {
    return quant::f16_to_f32(quant::f32_to_f16(static_cast<float>(value)));
  };
  for (const char* name : dense_families) {
    const std::vector<float> rounded =
        ReferenceForward(gguf::Model::open(tiny_model(name)), {.kept = half}).logits(tokens);
    // A key in float32 errs by some 2^-20 of itself, so one of 2^9 rounds the other way, by a whole step of
    // float16: 12 times the mean square of rounding. That is 2^-5 of what rounding moves the logits by.
    const double moved = normalised_error(rounded, golden(name));
    EXPECT_GT(moved, tolerance) << name;
    for (const int ranks : {1, 3, 8}) {
      const auto run = [&](std::size_t chunk) {
        return run_batches(tiny_model(name), ranks, in_chunks(tokens, chunk), 1, equal_shares(ranks), 2, 0,
                           "",
                           {.kv_type = kernels::KvType::f16, .activations = kernels::ActivationType::f32});
      };
      const std::vector<float> whole = run(tokens.size());
      EXPECT_LT(normalised_error(whole, rounded), moved / 32) << name << " on " << ranks << " ranks";
      EXPECT_TRUE(same_bits(run(7), whole));
      EXPECT_TRUE(same_bits(run(1), whole));
    }
  }
}

TEST(Forward, SequencesInterleavedOnShuffledPagesAreTheSameBitsAsEachAlone) {
  // Two sequences of 150 and 130 tokens, three pages each, taken from eight in no order.
  std::mt19937 random(20261122);
  std::vector<std::vector<std::int32_t>> sequences(2);
  for (int i = 0; i < 280; ++i)
    sequences[i < 150 ? 0 : 1].push_back(static_cast<std::int32_t>(random() % 320));
  const std::vector<std::vector<std::int32_t>> pages = {{6, 1, 4}, {3, 7, 0}};
  std::vector<std::size_t> next = {0, 0};
  std::vector<Batch> batches;
  std::vector<std::pair<int, std::size_t>> order;  // sequence and position of every row of logits
  while (next[0] < 150 || next[1] < 130) {
    Batch batch;
    batch.page_tables = pages;
    batch.slots = {2, 0};
    batch.expanded = {0, 0};
    batch.windows.resize(2);
    for (int i = 0; i < 11; ++i) {
      const int sequence = static_cast<int>(random() % 2);
      if (next[sequence] == sequences[sequence].size()) continue;
      const std::size_t position = next[sequence]++;
      batch.add(sequences[sequence][position], static_cast<std::int32_t>(position), sequence);
      batch.want({.want = Want::logits});
      order.emplace_back(sequence, position);
    }
    if (batch.size() > 0) batches.push_back(std::move(batch));
  }
  for (const int ranks : {1, 3}) {
    const std::vector<float> mixed = run_batches(tiny_model("llama"), ranks, batches, 8, equal_shares(ranks));
    std::vector<std::vector<float>> alone;
    for (const auto& tokens : sequences) {
      alone.push_back(
          run_batches(tiny_model("llama"), ranks, in_chunks(tokens, tokens.size()), 3, equal_shares(ranks)));
    }
    const std::size_t vocabulary = 320;
    ASSERT_EQ(mixed.size(), order.size() * vocabulary);
    std::size_t different = 0;
    for (std::size_t row = 0; row < order.size(); ++row) {
      const float* expected = alone[order[row].first].data() + order[row].second * vocabulary;
      different +=
          std::memcmp(mixed.data() + row * vocabulary, expected, vocabulary * sizeof(float)) != 0 ? 1 : 0;
    }
    EXPECT_EQ(different, 0) << "rows of logits, on " << ranks << " ranks";
  }
}

TEST(Forward, OnlyWantedRowsComeBack) {
  std::vector<Batch> batches = in_chunks(golden_tokens(), 48);
  batches[0].wanted_at = {47};
  batches[0].wanted.resize(1);
  const std::vector<float> last = run_batches(tiny_model("llama"), 2, batches, 1, equal_shares(2));
  const std::vector<float> reference = golden("llama");
  ASSERT_EQ(last.size(), 320);
  EXPECT_LT(normalised_error(last, {reference.end() - 320, reference.end()}), tolerance);
}

}  // namespace
}  // namespace yoke::model
