// The forward against an independent one (model/reference_forward.h) on models of awkward shapes, which the
// golden models do not have: widths that are no multiple of a vector or a panel, heads that differ from layer
// to layer, keys longer than values, a rotary embedding of part of a head, biases everywhere, a tied output,
// every format mixed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/random_model.h"
#include "model/reference_forward.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

// A float32 dot of n <= 320 products in 16 chains is off by at most (n/16 + 5) · 2^-24 = 1.5e-6 of its
// magnitude. Some ten such operations in each of four layers, erring independently, make 1e-5 of the logits:
// 1e-10 squared (1e-13 is what they do make). The least that a misplaced slice can do is to swap two
// neighbouring values of one bias, which moves these models' logits by 2e-8 and more.
constexpr double tolerance = 1e-10;

constexpr std::size_t n_tokens = 70;  // more than one page of 64 positions

const Shape odd{"llama", 36, {6, 4, 12}, {3, 4, 1},          {100, 37, 64},     10,
                6,       6,  true,       {quant::Type::f32}, {quant::Type::f32}};

// Four layers and four formats, so that every matrix takes each format once. Two heads fill a block of
// values.
const Shape mixed{"llama",
                  64,
                  {4, 6, 2, 8},
                  {2, 3, 1, 8},
                  {320, 96, 160, 192},
                  24,
                  16,
                  20,
                  false,
                  {quant::Type::q8_0, quant::Type::f16, quant::Type::bf16, quant::Type::q4_0},
                  {quant::Type::f32, quant::Type::bf16, quant::Type::f16}};

/// The same of another family.
Shape of_family(const std::string& architecture, Shape shape) {
  shape.architecture = architecture;
  return shape;
}

std::vector<float> reference(const std::filesystem::path& path, const std::vector<std::int32_t>& tokens) {
  return ReferenceForward(gguf::Model::open(path)).logits(tokens);
}

std::vector<float> run(const std::filesystem::path& path, int ranks, std::size_t chunk,
                       const std::string& isa = "") {
  const std::vector<Batch> batches = in_chunks(random_tokens(n_tokens), chunk);
  return run_batches(path, ranks, batches, 2, equal_shares(ranks), 1, ranks - 1, isa);
}

// What makes the reference one: it agrees with yet another implementation, the one that the golden logits are
// from.
TEST(ReferenceForward, ComputesTheGoldenLogits) {
  for (const std::string name : {"llama", "llama-k", "llama-rope3", "qwen2", "qwen3"}) {
    const auto golden = read_floats(std::filesystem::path(YOKE_TEST_DATA) / "golden" / (name + ".f32"));
    EXPECT_LT(normalised_error(reference(tiny_model(name), golden_tokens()), golden), 1e-10) << name;
  }
}

class OddModel : public testing::TestWithParam<int> {
 protected:
  static void expect_the_references_logits(const Shape& shape) {
    const int ranks = GetParam();
    const RandomModel model(shape);
    const std::vector<float> whole = run(model.path(), ranks, n_tokens);
    EXPECT_LT(normalised_error(whole, reference(model.path(), random_tokens(n_tokens))), tolerance);
    EXPECT_TRUE(same_bits(run(model.path(), ranks, 7), whole)) << "in chunks of 7";
    EXPECT_TRUE(same_bits(run(model.path(), ranks, 1), whole)) << "token by token";
  }
};

TEST_P(OddModel, OfNoRoundNumberHasTheReferencesLogits) { expect_the_references_logits(odd); }
TEST_P(OddModel, OfMixedFormatsHasTheReferencesLogits) { expect_the_references_logits(mixed); }
TEST_P(OddModel, OfTheQwen2FamilyHasTheReferencesLogits) {
  expect_the_references_logits(of_family("qwen2", odd));
}
TEST_P(OddModel, OfTheQwen3FamilyHasTheReferencesLogits) {
  expect_the_references_logits(of_family("qwen3", odd));
}

INSTANTIATE_TEST_SUITE_P(Ranks, OddModel, testing::Values(1, 2, 3, 4, 5, 8, 24),
                         testing::PrintToStringParamName());

TEST(OddModels, HaveTheReferencesLogitsOnRanksWhoseHeadsStraddleKvGroups) {
  // The first layer's six heads in groups of two are cut into 1, 2, 2 and 1, so two ranks read half of two
  // groups.
  const RandomModel model(odd);
  const std::vector<Batch> batches = in_chunks(random_tokens(n_tokens), n_tokens);
  const std::vector<float> logits = run_batches(model.path(), 4, batches, 2, {1, 2, 2, 1});
  EXPECT_LT(normalised_error(logits, reference(model.path(), random_tokens(n_tokens))), tolerance);
}

TEST(OddModels, AreTheSameBitsOnEveryInstructionSet) {
  for (const Shape& shape : {odd, mixed, of_family("qwen3", odd)}) {
    const RandomModel model(shape);
    const std::vector<float> scalar = run(model.path(), 3, n_tokens, "scalar");
    for (const kernels::Kernels* kernels : kernels::available()) {
      EXPECT_TRUE(same_bits(run(model.path(), 3, n_tokens, std::string(kernels->isa)), scalar))
          << kernels->isa;
    }
  }
}

/// The model with its rotary embedding slowed down has the reference's logits, and they are others than
/// before.
void expect_scaled_rope(const std::function<void(gguf::Metadata&)>& edit, const std::vector<float>& factors) {
  gguf::Metadata metadata = metadata_of(odd);
  edit(metadata);
  const RandomModel scaled(odd, metadata, factors);
  const std::vector<float> expected = reference(scaled.path(), random_tokens(n_tokens));
  for (const int ranks : {1, 3}) {
    EXPECT_LT(normalised_error(run(scaled.path(), ranks, n_tokens), expected), tolerance)
        << ranks << " ranks";
  }
  const RandomModel unscaled(odd);
  EXPECT_GT(normalised_error(reference(unscaled.path(), random_tokens(n_tokens)), expected), 1e-4);
}

void scale_linearly(gguf::Metadata& metadata) {
  metadata.set("llama.rope.scaling.type", std::string("linear"));
  metadata.set("llama.rope.scaling.factor", 4.0);
}

TEST(OddModels, LinearRopeScalingGivesTheReferencesLogits) { expect_scaled_rope(scale_linearly, {}); }

TEST(OddModels, FactorsOfRopeFrequenciesGiveTheReferencesLogits) {
  expect_scaled_rope([](gguf::Metadata&) {}, {1.5f, 3.0f, 0.4f});
}

TEST(OddModels, FactorsAndLinearScalingTogetherGiveTheReferencesLogits) {
  expect_scaled_rope(scale_linearly, {1.5f, 3.0f, 0.4f});
}

}  // namespace
}  // namespace yoke::model
