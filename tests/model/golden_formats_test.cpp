// The forward against an independent one (model/reference_forward.h) in every block format that the golden
// models do not have.
#include <gtest/gtest.h>

#include "model/random_model.h"
#include "model/reference_forward.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

// Rounding, as in golden_odd_test.cpp, where a sum has up to 768 products: (768/16 + 5) · 2^-24 = 3e-6 of
// its magnitude in some sixty operations that err independently, squared. Blocks read with a wrong scale or
// from a wrong place move the logits by much of themselves.
constexpr double tolerance = 1e-9;

constexpr std::size_t n_tokens = 20;

// As many layers as formats, so that each of a layer's seven matrices takes every format once. Four heads
// fill a block of 256 values and up to three blocks the FFN's width, so ranks cut most blocks of a row, some
// of them several times, and most of 24 ranks get no head.
const Shape blocks_of_256{"llama",
                          256,
                          {4, 8, 4, 4, 8, 12},
                          {1, 2, 4, 2, 8, 3},
                          {256, 512, 768, 256, 512, 256},
                          64,
                          64,
                          64,
                          false,
                          {quant::Type::q2_k, quant::Type::q3_k, quant::Type::q4_k, quant::Type::q5_k,
                           quant::Type::q6_k, quant::Type::iq4_xs},
                          {quant::Type::f32}};

// As many layers as formats of one to three bits.
const Shape blocks_of_points{
    "llama",
    256,
    {4, 8, 4, 4, 8, 12, 4},
    {1, 2, 4, 2, 8, 3, 2},
    {256, 512, 768, 256, 512, 256, 768},
    64,
    64,
    64,
    false,
    {quant::Type::iq1_s, quant::Type::iq1_m, quant::Type::iq2_xxs, quant::Type::iq2_xs, quant::Type::iq2_s,
     quant::Type::iq3_xxs, quant::Type::iq3_s},
    {quant::Type::f32}};

// Blocks of 256 values with heads of one and a half units of 64 columns, so that ranks take them by twos.
const Shape heads_of_96{"llama",
                        256,
                        {8, 16, 8, 8, 24, 8},
                        {4, 16, 8, 1, 8, 2},
                        {512, 768, 256, 1024, 768, 512},
                        64,
                        96,
                        32,
                        false,
                        {quant::Type::q4_k, quant::Type::q6_k, quant::Type::q2_k, quant::Type::q8_0,
                         quant::Type::q3_k, quant::Type::q5_k},
                        {quant::Type::f32}};

const Shape blocks_of_32{
    "llama",
    256,
    {8, 4, 6, 2, 16},
    {2, 4, 3, 1, 8},
    {256, 96, 320, 192, 512},
    32,
    32,
    32,
    false,
    {quant::Type::q4_1, quant::Type::q5_0, quant::Type::q5_1, quant::Type::iq4_nl, quant::Type::mxfp4},
    {quant::Type::f32}};

std::vector<float> run(const std::filesystem::path& path, int ranks, const std::string& isa = "",
                       const ops::cpu::Options& options = exact_arithmetic, std::size_t chunk = 13) {
  const std::vector<Batch> batches = in_chunks(random_tokens(n_tokens), chunk);
  return run_batches(path, ranks, batches, 1, equal_shares(ranks), 2, ranks - 1, isa, options);
}

/// Quantised weights are multiplied with bytes.
constexpr ops::cpu::Options fast_arithmetic{.kv_type = kernels::KvType::f32,
                                            .activations = kernels::ActivationType::q8};

struct NamedShape {
  const char* name;
  const Shape* shape;
};

class Formats : public testing::TestWithParam<NamedShape> {
 protected:
  const RandomModel model_{*GetParam().shape};
};

TEST_P(Formats, HaveTheReferencesLogitsOnAnyNumberOfRanks) {
  const std::vector<float> expected =
      ReferenceForward(gguf::Model::open(model_.path())).logits(random_tokens(n_tokens));
  for (const int ranks : {1, 2, 3, 4, 5, 8, 24})
    EXPECT_LT(normalised_error(run(model_.path(), ranks), expected), tolerance) << ranks << " ranks";
}

TEST_P(Formats, MultipliedWithBytesHaveTheLogitsOfAReferenceThatRoundsSo) {
  const gguf::Model file = gguf::Model::open(model_.path());
  const std::vector<float> exact = ReferenceForward(file).logits(random_tokens(n_tokens));
  const std::vector<float> rounded =
      ReferenceForward(file, {.activations = true}).logits(random_tokens(n_tokens));
  // Where float32 computes a value a little differently it may be rounded the other way, by a whole step, and
  // then what follows from it too: at most as much as rounding itself. A block that is read wrongly moves the
  // logits by much of themselves, a thousand times more.
  const double moved = normalised_error(rounded, exact);
  EXPECT_GT(moved, 100 * tolerance);
  EXPECT_LT(moved, 1e-3);
  for (const int ranks : {1, 2, 3, 4, 5, 8}) {
    const std::vector<float> whole = run(model_.path(), ranks, "", fast_arithmetic, n_tokens);
    EXPECT_LT(normalised_error(whole, rounded), moved) << ranks << " ranks";
    for (const std::size_t chunk : {1, 2, 3, 5, 9}) {
      EXPECT_TRUE(same_bits(run(model_.path(), ranks, "", fast_arithmetic, chunk), whole))
          << ranks << " ranks, " << chunk << " tokens at a time";
    }
  }
}

TEST_P(Formats, AreTheSameBitsOnEveryInstructionSet) {
  for (const ops::cpu::Options& options : {exact_arithmetic, fast_arithmetic}) {
    const std::vector<float> scalar = run(model_.path(), 3, "scalar", options);
    for (const kernels::Kernels* kernels : kernels::available())
      EXPECT_TRUE(same_bits(run(model_.path(), 3, std::string(kernels->isa), options), scalar))
          << kernels->isa;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Formats,
                         testing::Values(NamedShape{"BlocksOf32", &blocks_of_32},
                                         NamedShape{"BlocksOf256", &blocks_of_256},
                                         NamedShape{"BlocksOfPoints", &blocks_of_points},
                                         NamedShape{"HeadsOf96", &heads_of_96}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace yoke::model
