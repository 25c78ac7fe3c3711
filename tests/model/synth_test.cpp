#include "model/synth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <map>
#include <random>

#include "common/scratch.h"
#include "gguf/split_name.h"
#include "model/edited_model.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

using quant::Type;

Config small(const std::string& family) {
  Config config;
  config.architecture = family;
  config.dim = 256;
  config.vocabulary = 512;
  config.context = 1024;
  config.k_dim = config.v_dim = 32;
  config.norm_epsilon = 1e-5f;
  config.rope.dims = 32;
  config.layers.assign(3, {8, 4, 512});
  return config;
}

/// A synthesised file.
class SynthModel {
 public:
  explicit SynthModel(const Config& config, const SynthOptions& options = {Type::q8_0, 1}, int threads = 2) {
    ThreadPool pool(threads);
    write_random_model(path(), config, {}, options, pool, [](std::uint64_t, std::uint64_t) {});
  }

  std::filesystem::path path() const { return folder_ / "synth.gguf"; }
  gguf::Model open() const { return gguf::Model::open(path()); }
  std::string bytes() const {
    std::ifstream file(path(), std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  ScratchFolder folder_;
};

std::vector<float> values_of(const gguf::Model& model, const gguf::TensorInfo& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.values()));
  quant::format(tensor.type).dequantize(model.read(tensor), values);
  return values;
}

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(std::span<const float> values) {
  Moments m;
  const double n = static_cast<double>(values.size());
  for (const float x : values) m.mean += static_cast<double>(x) / n;
  for (const float x : values) m.variance += std::pow(static_cast<double>(x) - m.mean, 2) / n;
  return m;
}

class Synth : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, Synth, testing::Values("llama", "qwen2", "qwen3"));

TEST_P(Synth, LogitsStayFiniteAndTellTokensApart) {
  // Weights of variance 1 / columns give logits of variance 1, after one token as after 300.
  const SynthModel model(small(GetParam()));
  std::vector<std::int32_t> tokens;
  std::mt19937 random(20261206);
  for (int i = 0; i < 300; ++i) tokens.push_back(static_cast<std::int32_t>(random() % 512));
  tokens[299] = tokens[0];
  for (const int ranks : {1, 3}) {
    const std::vector<float> logits =
        run_batches(model.path(), ranks, in_chunks(tokens, 300), 5, equal_shares(ranks));
    ASSERT_EQ(logits.size(), 300 * 512);
    for (const std::size_t position : {0, 1, 150, 299}) {
      const std::span<const float> row = std::span(logits).subspan(position * 512, 512);
      const Moments m = moments(row);
      EXPECT_NEAR(m.mean, 0, 0.3) << position;
      EXPECT_NEAR(m.variance, 1, 0.5) << position;
    }
    const std::vector<float> first(logits.begin(), logits.begin() + 512);
    const std::vector<float> second(logits.begin() + 512, logits.begin() + 1024);
    EXPECT_GT(normalised_error(second, first), 0.1) << "another token";
  }
}

TEST_P(Synth, AFileHoldsWhatItsFamilyAsksForAndNoMore) {
  const Config config = small(GetParam());
  const SynthModel model(config, {Type::q4_0, 1});
  const gguf::Model file = model.open();
  std::size_t needed = 0;
  for (const TensorEntry& entry : make_family(config)->tensors()) {
    const gguf::TensorInfo* tensor = file.find(entry.name);
    EXPECT_EQ(tensor != nullptr, !entry.optional) << entry.name;
    if (tensor == nullptr) continue;
    ++needed;
    EXPECT_EQ(tensor->shape, entry.shape) << entry.name;
    EXPECT_EQ(tensor->type, entry.shape.size() == 2 ? Type::q4_0 : Type::f32) << entry.name;
  }
  EXPECT_EQ(file.tensors().size(), needed);
  EXPECT_EQ(file.metadata().integer("general.file_type"), 2);
}

TEST(Synthesis, EveryFormatThatCanBeDecodedKeepsTheScaleOfItsRows) {
  for (const quant::Format& format : quant::formats()) {
    if (format.dequantize == nullptr) continue;
    const SynthModel model(small("qwen2"), {format.type, 1});
    const gguf::Model file = model.open();
    for (const gguf::TensorInfo& tensor : file.tensors()) {
      const Moments m = moments(values_of(file, tensor));
      const bool is_norm = tensor.name.ends_with("norm.weight");
      const double variance = tensor.shape.size() == 1 ? 0.01 : 1 / static_cast<double>(tensor.shape.back());
      const double n = static_cast<double>(tensor.values());
      // Four standard deviations of either, and a tenth for what two bits a value cannot say.
      EXPECT_NEAR(m.mean, is_norm ? 1 : 0, 4 * std::sqrt(variance / n) + 0.02 * std::sqrt(variance))
          << tensor.name << " in " << format.name;
      EXPECT_NEAR(m.variance / variance, 1, 4 * std::sqrt(2 / n) + 0.1)
          << tensor.name << " in " << format.name;
    }
  }
}

TEST(Synthesis, GivesTheSameBytesForASeedOnAnyNumberOfThreads) {
  const std::string bytes = SynthModel(small("llama"), {Type::q4_0, 7}, 1).bytes();
  EXPECT_EQ(SynthModel(small("llama"), {Type::q4_0, 7}, 3).bytes(), bytes);
  const std::string other = SynthModel(small("llama"), {Type::q4_0, 8}).bytes();
  EXPECT_EQ(other.size(), bytes.size());
  EXPECT_NE(other, bytes);
}

TEST(Synthesis, NoStretchOfALargeMatrixRepeatsAnother) {
  Config config = small("llama");
  config.vocabulary = 40'000;  // more values than are filled at once
  const SynthModel model(config);
  const gguf::Model file = model.open();
  const gguf::TensorInfo& tensor = *file.find("token_embd.weight");
  const std::size_t row_bytes = tensor.bytes / 40'000;
  const std::vector<std::byte> data = file.read(tensor);
  std::map<std::string, std::int64_t> rows;
  for (std::int64_t row = 0; row < 40'000; ++row) {
    const std::span<const std::byte> bytes = std::span(data).subspan(row * row_bytes, row_bytes);
    const auto [before, is_new] =
        rows.emplace(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), row);
    EXPECT_TRUE(is_new) << "row " << row << " is row " << before->second;
  }
}

TEST(Synthesis, TheConfigIsReadBackTheSame) {
  Config config = small("qwen3");
  config.k_dim = 48;
  config.v_dim = 64;
  config.layers = {{8, 4, 512}, {4, 2, 256}};
  config.rope.dims = 40;
  const Config read = read_config(SynthModel(config).open());
  EXPECT_EQ(read.k_dim, 48);
  EXPECT_EQ(read.v_dim, 64);
  EXPECT_EQ(read.vocabulary, 512);
  EXPECT_EQ(read.rope.dims, 40);
  ASSERT_EQ(read.n_layers(), 2);
  EXPECT_EQ(read.layers[1].n_heads, 4);
  EXPECT_EQ(read.layers[1].n_kv_heads, 2);
  EXPECT_EQ(read.layers[1].ffn_dim, 256);
}

TEST(Synthesis, TheConfigOfExpertsIsReadBackTheSame) {
  Config config = small("glm4moe");
  config.layers[1].n_experts = config.layers[2].n_experts = 6;
  config.experts.used = 2;
  config.experts.ffn_dim = 96;
  config.experts.shared_dim = 160;
  config.experts.probability = ops::RouteSpec::Probability::sigmoid;
  config.experts.normalised = false;
  config.experts.scale = 1.5f;
  config.experts.groups = 3;
  config.experts.groups_used = 2;
  const Config read = read_config(SynthModel(config).open());
  EXPECT_EQ(read.layers[0].n_experts, 0);
  EXPECT_EQ(read.layers[2].n_experts, 6);
  EXPECT_EQ(read.experts.used, 2);
  EXPECT_EQ(read.experts.ffn_dim, 96);
  EXPECT_EQ(read.experts.shared_dim, 160);
  EXPECT_EQ(read.experts.scale, 1.5f);
  EXPECT_EQ(read.experts.groups, 3);
  EXPECT_EQ(read.experts.groups_used, 2);
  EXPECT_EQ(read.experts.probability, config.experts.probability);
  EXPECT_EQ(read.experts.normalised, config.experts.normalised);
}

TEST(Synthesis, IsSplitIntoFilesThatAreReadAsOneModel) {
  const ScratchFolder folder;
  ThreadPool pool(2);
  const auto write = [&](const char* name, std::uint64_t file_bytes) {
    write_random_model(folder / name, small("llama"), {}, {Type::q8_0, 1, false, file_bytes}, pool,
                       [](std::uint64_t, std::uint64_t) {});
  };
  write("whole.gguf", 0);
  write("parts.gguf", 500'000);
  const gguf::Model whole = gguf::Model::open(folder / "whole.gguf");
  const auto first = gguf::parse_split_name([&] {
    for (const auto& file : std::filesystem::directory_iterator(folder / "."))
      if (file.path().filename().string().starts_with("parts-")) return file.path();
    return std::filesystem::path("none");
  }());
  ASSERT_TRUE(first);
  const gguf::Model parts = gguf::Model::open(first->part(1));
  EXPECT_GT(parts.files(), 2);
  ASSERT_EQ(parts.tensors().size(), whole.tensors().size());
  for (const gguf::TensorInfo& tensor : whole.tensors())
    EXPECT_EQ(parts.read(*parts.find(tensor.name)), whole.read(tensor)) << tensor.name;
  EXPECT_EQ(read_config(parts).dim, 256);
}

TEST(Synthesis, OfASparseModelOnlyVectorsTakeRoom) {
  const ScratchFolder folder;
  ThreadPool pool(2);
  Config config = small("llama");
  config.dim = 16'384;
  config.vocabulary = 128'256;
  write_random_model(folder / "sparse.gguf", config, {}, {Type::q8_0, 1, true, 0}, pool,
                     [](std::uint64_t, std::uint64_t) {});
  EXPECT_GT(std::filesystem::file_size(folder / "sparse.gguf"), std::uint64_t{4} << 30);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "sparse.gguf").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 2 << 20);
  const gguf::Model file = gguf::Model::open(folder / "sparse.gguf");
  EXPECT_EQ(values_of(file, *file.find("output_norm.weight")).size(), 16'384u);
}

TEST(Synthesis, RefusesRowsThatAreNoWholeBlocksByTensor) {
  Config config = small("llama");
  config.layers[1].ffn_dim = 520;
  EXPECT_THAT(error_of([&] {
                SynthModel(config, {Type::q8_0, 1});
              }),
              testing::EndsWith(": tensor 'blk.1.ffn_down.weight': its rows have 520 values, expected whole "
                                "Q8_0 blocks of 32"));
}

TEST(Synthesis, RefusesAFamilyThatIsUnknown) {
  EXPECT_THAT(error_of([&] { SynthModel(small("mamba")); }),
              testing::StartsWith(
                  "the model's architecture is 'mamba', which is not supported; the nearest name that is: "));
}

}  // namespace
}  // namespace yoke::model
