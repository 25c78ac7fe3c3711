// Steps computed in two halves, or of one token whose sums are sent in two parts, against the same steps
// computed at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "common/tiny_families.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

std::vector<float> run(const std::string& name, int ranks, const std::vector<Batch>& batches, bool halves,
                       const ops::cpu::Options& options = exact_arithmetic) {
  return run_batches(tiny_model(name), ranks, batches, caches_of(batches, 4), equal_shares(ranks), 2,
                     ranks - 1, "", options, halves);
}

class InHalves : public testing::TestWithParam<std::tuple<const char*, int>> {};
INSTANTIATE_TEST_SUITE_P(TinyModels, InHalves,
                         testing::Combine(testing::ValuesIn(tiny_families), testing::Values(3)),
                         [](const auto& test) {
                           std::string name = std::get<0>(test.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_on_" + std::to_string(std::get<1>(test.param));
                         });

TEST_P(InHalves, AStepHasTheBitsOfTheWhole) {
  const auto& [name, ranks] = GetParam();
  const std::vector<float> whole = run(name, ranks, in_chunks(golden_tokens(), 48), false);
  for (const std::size_t chunk : {48, 9, 1}) {
    EXPECT_TRUE(same_bits(run(name, ranks, in_chunks(golden_tokens(), chunk), true), whole))
        << "in chunks of " << chunk;
  }
}

/// Two sequences, the one that began first in both halves of a step.
std::vector<Batch> two_sequences(const std::vector<std::int32_t>& tokens) {
  std::vector<Batch> batches(2);
  for (std::size_t step = 0; step < 2; ++step) {
    Batch& batch = batches[step];
    for (std::int32_t sequence = 0; sequence < 2; ++sequence) {
      batch.add_sequence(sequence, {sequence});
      const std::size_t n = sequence == 0 ? 17 : 4;
      for (std::size_t i = step * n; i < (step + 1) * n; ++i) {
        batch.add(tokens[i + static_cast<std::size_t>(sequence)], static_cast<std::int32_t>(i), sequence);
        if (i % 3 == 0) batch.want({.want = Want::logits});
      }
    }
  }
  return batches;
}

TEST(StepsInHalves, OfSeveralSequencesHaveTheBitsOfTheWhole) {
  const std::vector<Batch> batches = two_sequences(golden_tokens());
  for (const char* name : {"llama", "deepseek2", "qwen3next", "gpt-oss"}) {
    for (const int ranks : {2, 4})
      EXPECT_TRUE(same_bits(run(name, ranks, batches, true), run(name, ranks, batches, false))) << name;
  }
}

TEST(StepsInHalves, HaveTheBitsOfTheWholeWhereAddendsTravelRounded) {
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 16);
  ops::cpu::Options options = exact_arithmetic;
  const std::vector<float> exact = run("llama", 2, batches, false, options);
  options.wire = comm::Wire::bf16;
  const std::vector<float> rounded = run("llama", 2, batches, false, options);
  EXPECT_TRUE(same_bits(run("llama", 2, batches, true, options), rounded));
  EXPECT_FALSE(same_bits(rounded, exact));
  EXPECT_LT(normalised_error(rounded, exact), 1e-3);
}

}  // namespace
}  // namespace yoke::model
