// Models of seeded random values, of any shape and of any formats, in the test's own temporary folder.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "gguf/writer.h"
#include "quant/format.h"
#include "quant/random_blocks.h"

namespace yoke::model {

constexpr std::int64_t random_vocabulary = 331;

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

inline gguf::Metadata metadata_of(const Shape& shape) {
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

inline std::vector<gguf::TensorSpec> tensors_of(const Shape& shape) {
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
  matrix("token_embd", random_vocabulary, shape.dim);
  norm("output_norm", shape.dim);
  if (!shape.tied) matrix("output", random_vocabulary, shape.dim);
  return tensors;
}

/// Values of a sane scale: matrices that keep the width of what they multiply, norms near 1, biases that
/// nobody could overlook.
inline std::vector<float> random_values(const gguf::TensorSpec& spec, std::mt19937& random) {
  const bool is_matrix = spec.shape.size() == 2;
  const bool is_norm = spec.name.ends_with("norm.weight");
  std::normal_distribution<float> normal(
      is_norm ? 1.0f : 0.0f, is_matrix ? 1.0f / std::sqrt(static_cast<float>(spec.shape[1])) : 0.3f);
  std::vector<float> values;
  const std::int64_t n = spec.shape[0] * (is_matrix ? spec.shape[1] : 1);
  for (std::int64_t i = 0; i < n; ++i) values.push_back(normal(random));
  return values;
}

/// The same of a format without an encoder.
inline std::vector<std::byte> random_blocks(const gguf::TensorSpec& spec, std::mt19937& random) {
  const quant::Format& format = quant::format(spec.type);
  std::vector<std::byte> bytes(format.bytes(spec.shape[0] * spec.shape[1]));
  std::mt19937_64 codes(random());
  quant::random_blocks(format, 1.0f / std::sqrt(static_cast<float>(spec.shape[1])), codes, bytes);
  return bytes;
}

inline std::vector<std::byte> encoded(const gguf::TensorSpec& spec, const std::vector<float>& values) {
  const quant::Format& format = quant::format(spec.type);
  std::vector<std::byte> bytes(format.bytes(static_cast<std::int64_t>(values.size())));
  format.quantize(values, bytes);
  return bytes;
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
      if (quant::format(spec.type).quantize == nullptr) {
        writer.write(spec.name, random_blocks(spec, random));
      } else {
        writer.write(spec.name,
                     encoded(spec, spec.name == freqs.name ? factors : random_values(spec, random)));
      }
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

inline std::vector<std::int32_t> random_tokens(std::size_t n) {
  std::mt19937 random(20261204);
  std::vector<std::int32_t> tokens;
  for (std::size_t i = 0; i < n; ++i)
    tokens.push_back(static_cast<std::int32_t>(random() % random_vocabulary));
  return tokens;
}

}  // namespace yoke::model
