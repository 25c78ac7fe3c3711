// The forward against an independent one (model/reference_forward.h) on models of awkward shapes, which the
// golden models do not have: widths that are no multiple of a vector or a panel, heads that differ from layer
// to layer, keys longer than values, a rotary embedding of part of a head, biases everywhere, a tied output,
// every format mixed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "gguf/writer.h"
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
constexpr std::int64_t vocabulary = 331;

/// The shape of a model, and the formats that its matrices take in turn.
struct Shape {
  std::string architecture;
  std::int64_t dim;
  std::vector<std::uint64_t> heads, kv_heads, ffn;  // of each layer
  std::int64_t k_dim, v_dim, rope_dims;
  bool tied;
  std::vector<quant::Type> matrices;
  std::vector<quant::Type> biases;
};

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

gguf::Metadata metadata_of(const Shape& shape) {
  gguf::Metadata metadata;
  const auto set = [&](const char* key, const gguf::Value& value) {
    metadata.set(shape.architecture + "." + key, value);
  };
  const auto count = [&](const char* key, std::int64_t n) { set(key, static_cast<std::uint64_t>(n)); };
  metadata.set("general.architecture", shape.architecture);
  count("context_length", 128);
  count("embedding_length", shape.dim);
  count("block_count", static_cast<std::int64_t>(shape.heads.size()));
  set("feed_forward_length", shape.ffn);
  set("attention.head_count", shape.heads);
  set("attention.head_count_kv", shape.kv_heads);
  count("attention.key_length", shape.k_dim);
  count("attention.value_length", shape.v_dim);
  count("rope.dimension_count", shape.rope_dims);
  set("rope.freq_base", 500.0);
  set("attention.layer_norm_rms_epsilon", 1e-5);
  return metadata;
}

std::vector<gguf::TensorSpec> tensors_of(const Shape& shape) {
  std::vector<gguf::TensorSpec> tensors;
  std::size_t n_matrices = 0;
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    const quant::Type type = shape.matrices[n_matrices++ % shape.matrices.size()];
    tensors.push_back({name + ".weight", type, {rows, cols}});
  };
  const auto norm = [&](const std::string& name, std::int64_t size) {
    tensors.push_back({name + ".weight", quant::Type::f32, {size}});
  };
  const auto biased = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    matrix(name, rows, cols);
    const quant::Type type = shape.biases[n_matrices % shape.biases.size()];
    tensors.push_back({name + ".bias", type, {rows}});
  };
  for (std::size_t i = 0; i < shape.heads.size(); ++i) {
    const std::string layer = fmt::format("blk.{}.", i);
    const auto heads = static_cast<std::int64_t>(shape.heads[i]);
    const auto kv_heads = static_cast<std::int64_t>(shape.kv_heads[i]);
    const auto ffn = static_cast<std::int64_t>(shape.ffn[i]);
    norm(layer + "attn_norm", shape.dim);
    biased(layer + "attn_q", heads * shape.k_dim, shape.dim);
    biased(layer + "attn_k", kv_heads * shape.k_dim, shape.dim);
    biased(layer + "attn_v", kv_heads * shape.v_dim, shape.dim);
    biased(layer + "attn_output", shape.dim, heads * shape.v_dim);
    if (shape.architecture == "qwen3") {
      norm(layer + "attn_q_norm", shape.k_dim);
      norm(layer + "attn_k_norm", shape.k_dim);
    }
    norm(layer + "ffn_norm", shape.dim);
    biased(layer + "ffn_gate", ffn, shape.dim);
    biased(layer + "ffn_up", ffn, shape.dim);
    biased(layer + "ffn_down", shape.dim, ffn);
  }
  matrix("token_embd", vocabulary, shape.dim);
  norm("output_norm", shape.dim);
  if (!shape.tied) matrix("output", vocabulary, shape.dim);
  return tensors;
}

/// Values of a sane scale: matrices that keep the width of what they multiply, norms near 1, biases that
/// nobody could overlook.
std::vector<float> random_values(const gguf::TensorSpec& spec, std::mt19937& random) {
  const bool is_matrix = spec.shape.size() == 2;
  const bool is_norm = spec.name.ends_with("norm.weight");
  std::normal_distribution<float> normal(
      is_norm ? 1.0f : 0.0f, is_matrix ? 1.0f / std::sqrt(static_cast<float>(spec.shape[1])) : 0.3f);
  std::vector<float> values;
  const std::int64_t n = spec.shape[0] * (is_matrix ? spec.shape[1] : 1);
  for (std::int64_t i = 0; i < n; ++i) values.push_back(normal(random));
  return values;
}

/// A file of seeded values in the test's own temporary folder. `factors` become its rope_freqs.
class RandomModel {
 public:
  RandomModel(const Shape& shape, const gguf::Metadata& metadata, const std::vector<float>& factors = {})
      : path_(path_of_this_test()) {
    std::mt19937 random(20261203);
    std::vector<gguf::TensorSpec> tensors = tensors_of(shape);
    const gguf::TensorSpec freqs{"rope_freqs.weight", quant::Type::f32, {shape.rope_dims / 2}};
    if (!factors.empty()) tensors.push_back(freqs);
    gguf::Writer writer(path_, metadata, tensors);
    for (const gguf::TensorSpec& spec : tensors) {
      const std::vector<float> values = spec.name == freqs.name ? factors : random_values(spec, random);
      const quant::Format& format = quant::format(spec.type);
      std::vector<std::byte> bytes(format.bytes(static_cast<std::int64_t>(values.size())));
      format.quantize(values, bytes);
      writer.write(spec.name, bytes);
    }
    writer.finish();
  }
  explicit RandomModel(const Shape& shape) : RandomModel(shape, metadata_of(shape)) {}
  ~RandomModel() { std::filesystem::remove(path_); }
  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  static std::filesystem::path path_of_this_test() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = fmt::format("{}.{}.{}.gguf", test->test_suite_name(), test->name(), getpid());
    std::replace(name.begin(), name.end(), '/', '.');
    return std::filesystem::path(testing::TempDir()) / name;
  }

  std::filesystem::path path_;
};

std::vector<std::int32_t> random_tokens() {
  std::mt19937 random(20261204);
  std::vector<std::int32_t> tokens;
  for (std::size_t i = 0; i < n_tokens; ++i)
    tokens.push_back(static_cast<std::int32_t>(random() % vocabulary));
  return tokens;
}

std::vector<float> reference(const std::filesystem::path& path, const std::vector<std::int32_t>& tokens) {
  return ReferenceForward(gguf::Model::open(path)).logits(tokens);
}

std::vector<float> run(const std::filesystem::path& path, int ranks, std::size_t chunk,
                       const std::string& isa = "") {
  const std::vector<Batch> batches = in_chunks(random_tokens(), chunk);
  return run_batches(path, ranks, batches, 2, equal_shares(ranks), 1, ranks - 1, isa);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
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
    EXPECT_LT(normalised_error(whole, reference(model.path(), random_tokens())), tolerance);
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
  const std::vector<Batch> batches = in_chunks(random_tokens(), n_tokens);
  const std::vector<float> logits = run_batches(model.path(), 4, batches, 2, {1, 2, 2, 1});
  EXPECT_LT(normalised_error(logits, reference(model.path(), random_tokens())), tolerance);
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
  const std::vector<float> expected = reference(scaled.path(), random_tokens());
  for (const int ranks : {1, 3}) {
    EXPECT_LT(normalised_error(run(scaled.path(), ranks, n_tokens), expected), tolerance)
        << ranks << " ranks";
  }
  const RandomModel unscaled(odd);
  EXPECT_GT(normalised_error(reference(unscaled.path(), random_tokens()), expected), 1e-4);
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
