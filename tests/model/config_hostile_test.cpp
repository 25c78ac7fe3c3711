// Whatever a file's metadata and tensors say, it is refused with a sentence that names it, or its logits are
// numbers. Each tiny model is changed in one place at a time, and run as far as it lets itself be run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>
#include <string_view>

#include "common/scratch.h"
#include "gguf/encode.h"
#include "model/edited_model.h"

namespace yoke::model {
namespace {

constexpr std::int64_t most_values = std::int64_t{1} << 20;  // of a tensor that is made for a mutant
constexpr std::uint64_t memory = std::uint64_t{1} << 30;     // that a mutant may ask for

/// A header without data: zeros follow, and ones as divisors of a rotation.
struct Mutant {
  std::string what;  // has been changed
  gguf::Metadata metadata;
  std::vector<gguf::TensorSpec> tensors;
};

void write(const Mutant& mutant, const std::filesystem::path& path) {
  const gguf::EncodedHeader header = gguf::encode_header(mutant.metadata, mutant.tensors, "a mutant");
  write_file(path, {reinterpret_cast<const char*>(header.bytes.data()), header.bytes.size()});
  std::filesystem::resize_file(path, header.file_bytes);
  const std::vector<float> ones(static_cast<std::size_t>(most_values), 1);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const gguf::Header placed = gguf::parse_header(header.bytes, header.file_bytes, path.string());
  for (const gguf::TensorInfo& tensor : placed.tensors) {
    if (!tensor.name.starts_with("rope_f") || tensor.bytes > ones.size() * sizeof(float)) continue;
    file.seekp(static_cast<std::streamoff>(tensor.offset));
    file.write(reinterpret_cast<const char*>(ones.data()), static_cast<std::streamsize>(tensor.bytes));
  }
}

/// Logits of a few tokens, in two steps; none where the model asks for more memory than there is.
std::vector<float> logits_of(const std::filesystem::path& path, int ranks) {
  std::vector<float> all;
  const gguf::Model file = gguf::Model::open(path);
  const Config config = read_config(file);
  comm::run_ranks(ranks, [&](comm::Comm& comm) {
    ThreadPool pool(1);
    const auto family = make_family(config);
    const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm, {});
    const std::vector<TensorEntry> table = family->tensors();
    check_tensors(file, family->config(), table, *ops);
    const Partition partition(family->config(), table, file, equal_shares(ranks));
    const auto token = static_cast<std::int32_t>(config.vocabulary - 1);
    const std::vector<Batch> batches = in_chunks({0, token, token / 2}, 2);
    const ops::CacheSize caches = caches_of(batches, 1);
    std::uint64_t needed = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      EXPECT_FALSE(partition.describe(rank).empty());
      needed = std::max(
          needed, memory_need(file, family->config(), table, partition, rank, {caches, 32}, *ops).total());
    }
    if (needed > memory) return;
    load_tensors(file, table, partition, comm.rank(), *ops, [](std::uint64_t, std::uint64_t) {});
    family->prepare(*ops, partition, comm.rank(), caches);
    for (const Batch& batch : batches) {
      const std::vector<float> logits = forward(*family, *ops, partition, comm, batch);
      if (comm.rank() == 0) all.insert(all.end(), logits.begin(), logits.end());
    }
  });
  return all;
}

/// Runs mutants, and counts them.
class Trial {
 public:
  void run(const Mutant& mutant) {
    SCOPED_TRACE(mutant.what);
    const std::filesystem::path path = folder_ / "mutant.gguf";
    write(mutant, path);
    ++tried_;
    try {
      const std::vector<float> logits = logits_of(path, tried_ % 8 == 0 ? 3 : 1);
      EXPECT_TRUE(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }));
      if (!logits.empty()) ++computed_;
    } catch (const Error& error) {
      EXPECT_TRUE(std::string_view(error.what()).starts_with(path.string() + ": ")) << error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "not a sentence: " << error.what();
    }
  }

  /// The same with all tensors in the shapes that the metadata call for, where these are none too large: so
  /// sizes are met that no model has.
  void run_consistent(Mutant mutant) {
    mutant.what += ", in shapes that follow";
    const std::filesystem::path path = folder_ / "mutant.gguf";
    write(mutant, path);
    const gguf::Model file = gguf::Model::open(path);
    std::vector<gguf::TensorSpec> tensors;
    std::set<std::string> made;
    try {
      const auto family = make_family(read_config(file));
      for (const TensorEntry& entry : family->tensors()) {
        const gguf::TensorInfo* source = find_source(file, entry);
        if (source == nullptr && (entry.optional || !entry.otherwise.empty())) continue;
        const std::string& name = source == nullptr ? entry.name : source->name;
        if (!made.insert(name).second) continue;
        std::int64_t values = 1;
        for (const std::int64_t n : entry.shape) {
          if (__builtin_mul_overflow(values, n, &values) || values > most_values) return;
        }
        quant::Type type = source == nullptr ? quant::Type::f32 : source->type;
        if (entry.shape.back() % quant::format(type).block_values != 0) type = quant::Type::f32;
        tensors.push_back({name, type, entry.shape});
      }
    } catch (const Error&) {
      return;  // its metadata alone are refused, which run() looks at
    }
    mutant.tensors = std::move(tensors);
    run(mutant);
  }

  int tried() const { return tried_; }
  int computed() const { return computed_; }

 private:
  ScratchFolder folder_;
  int tried_ = 0;
  int computed_ = 0;
};

/// The tiny model without its vocabulary, which nothing here reads.
Mutant original(const std::string& name) {
  const gguf::Model file = gguf::Model::open(tiny_model(name));
  Mutant mutant{name, {}, {}};
  for (const auto& [key, value] : file.metadata().all()) {
    if (!key.starts_with("tokenizer.")) mutant.metadata.set(key, value);
  }
  for (const gguf::TensorInfo& tensor : file.tensors())
    mutant.tensors.push_back({tensor.name, tensor.type, tensor.shape});
  return mutant;
}

Mutant with(const Mutant& original, const std::string& key, const gguf::Value& value) {
  Mutant mutant = original;
  mutant.what += fmt::format(", {} = {}", key, gguf::describe(value));
  mutant.metadata.set(key, value);
  return mutant;
}

Mutant without(const Mutant& original, const std::string& key) {
  Mutant mutant{fmt::format("{} without {}", original.what, key), {}, original.tensors};
  for (const auto& [other, value] : original.metadata.all()) {
    if (other != key) mutant.metadata.set(other, value);
  }
  return mutant;
}

/// What a count may lie about.
std::vector<gguf::Value> counts_near(std::uint64_t n) {
  using Counts = std::vector<std::uint64_t>;
  const std::uint64_t odd = n | 1;
  return {std::uint64_t{0},
          std::uint64_t{1},
          std::uint64_t{2},
          n + 1,
          n - 1,
          2 * n,
          odd * 3,
          std::int64_t{-1},
          std::uint64_t{1} << 30,
          (std::uint64_t{1} << 31) - 1,
          std::uint64_t{1} << 63,
          static_cast<double>(n),
          true,
          std::string("many"),
          Counts{},
          Counts{n},
          Counts{n, n, n},
          Counts{0, 0, 0},
          Counts{n, 1, 2 * n},
          std::vector<double>{0.5, 0.5, 0.5}};
}

std::vector<gguf::Value> hostile_numbers() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return {0.0,      -1.0,  std::numeric_limits<double>::quiet_NaN(),
          1.0,      1e-45, infinity,
          1e-30,    1e30,  1e3,
          1e-3,     true,  std::string("some"),
          -infinity};
}

std::vector<gguf::Value> lies_about(const gguf::Value& value) {
  if (const auto* n = std::get_if<std::uint64_t>(&value)) return counts_near(*n);
  if (std::holds_alternative<double>(value)) return hostile_numbers();
  if (const auto* flags = std::get_if<std::vector<bool>>(&value)) {
    return {std::vector<bool>(), std::vector<bool>(flags->size(), false),
            std::vector<bool>(flags->size(), true), std::vector<bool>(flags->size() + 1, true)};
  }
  return {std::string(), std::string("nonsense"), std::uint64_t{7}, !std::holds_alternative<bool>(value)};
}

/// Keys that a file of any family may have, and what they may hold.
constexpr const char* known_counts[] = {"attention.sliding_window",
                                        "attention.kv_lora_rank",
                                        "attention.q_lora_rank",
                                        "attention.key_length",
                                        "attention.value_length",
                                        "attention.key_length_mla",
                                        "attention.head_count_kv",
                                        "rope.dimension_count",
                                        "rope.scaling.original_context_length",
                                        "attention.temperature_length",
                                        "expert_count",
                                        "expert_used_count",
                                        "expert_shared_count",
                                        "expert_feed_forward_length",
                                        "expert_shared_feed_forward_length",
                                        "expert_gating_func",
                                        "expert_group_count",
                                        "expert_group_used_count",
                                        "leading_dense_block_count",
                                        "interleave_moe_layer_step",
                                        "nextn_predict_layers",
                                        "ssm.group_count",
                                        "full_attention_interval"};
constexpr const char* known_numbers[] = {"attention.scale",
                                         "attn_logit_softcapping",
                                         "final_logit_softcapping",
                                         "embedding_scale",
                                         "residual_scale",
                                         "logit_scale",
                                         "rope.freq_base",
                                         "rope.scaling.factor",
                                         "rope.scale_linear",
                                         "rope.scaling.attn_factor",
                                         "rope.scaling.yarn_beta_fast",
                                         "rope.scaling.yarn_beta_slow",
                                         "rope.scaling.yarn_log_multiplier",
                                         "attention.temperature_scale",
                                         "expert_weights_scale",
                                         "attention.layer_norm_epsilon",
                                         "attention.layer_norm_rms_epsilon"};

const std::vector<std::string>& models() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(tiny_model("llama").parent_path())) {
      // These two have 60 layers, of kinds that others have as well.
      const std::string name = entry.path().stem().string();
      if (name != "command-r-normed" && name != "exaone4-windowed") names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }();
  return all;
}

std::string architecture_of(const Mutant& model) { return model.metadata.string("general.architecture"); }

/// Of what would take too long to try on every model, each model gets other parts.
class Sample {
 public:
  explicit Sample(int one_of) : one_of_(one_of) {}
  bool next() { return n_++ % one_of_ == 0; }

 private:
  int one_of_;
  int n_ = 0;
};

TEST(ConfigHostile, WhateverAKeySaysThereIsASentenceOrLogits) {
  Trial trial;
  Sample sample(17), shapes(11), removals(5);
  for (const std::string& name : models()) {
    const Mutant model = original(name);
    trial.run(model);
    for (const auto& [key, value] : model.metadata.all()) {
      if (key.starts_with("general.") && key != "general.architecture") continue;
      if (removals.next()) trial.run(without(model, key));
      for (const gguf::Value& lie : lies_about(value)) {
        if (sample.next()) trial.run(with(model, key, lie));
        if (std::holds_alternative<std::uint64_t>(lie) && shapes.next())
          trial.run_consistent(with(model, key, lie));
      }
    }
  }
  RecordProperty("tried", trial.tried());
  RecordProperty("computed", trial.computed());
  EXPECT_GT(trial.tried(), 1000);
  EXPECT_GT(trial.computed(), 100);
}

TEST(ConfigHostile, WhateverAnAddedKeySaysThereIsASentenceOrLogits) {
  Trial trial;
  Sample sample(53);
  for (const std::string& name : models()) {
    const Mutant model = original(name);
    const std::string prefix = architecture_of(model) + ".";
    for (const char* key : known_counts) {
      for (const gguf::Value& lie : counts_near(8)) {
        if (sample.next()) trial.run(with(model, prefix + key, lie));
      }
    }
    Mutant stretched = with(model, prefix + "rope.scaling.type", std::string("yarn"));
    if (!stretched.metadata.has(prefix + "rope.scaling.factor"))
      stretched.metadata.set(prefix + "rope.scaling.factor", 4.0);
    for (const char* key : known_numbers) {
      for (const gguf::Value& lie : hostile_numbers()) {
        if (sample.next()) trial.run(with(stretched, prefix + key, lie));
      }
    }
  }
  RecordProperty("tried", trial.tried());
  RecordProperty("computed", trial.computed());
  EXPECT_GT(trial.tried(), 300);
}

/// What a tensor's entry may lie about.
std::vector<Mutant> lies_about_tensor(const Mutant& model, std::size_t index) {
  using Shape = std::vector<std::int64_t>;
  const gguf::TensorSpec tensor = model.tensors[index];
  std::vector<Mutant> mutants;
  const auto add = [&](const std::string& what, gguf::TensorSpec spec) {
    Mutant mutant = model;
    mutant.what += fmt::format(", {} {}", tensor.name, what);
    mutant.tensors[index] = std::move(spec);
    mutants.push_back(std::move(mutant));
  };
  const auto reshape = [&](const Shape& shape) {
    if (shape.back() % quant::format(tensor.type).block_values == 0)
      add(gguf::shape_text(shape), {tensor.name, tensor.type, shape});
  };
  Shape turned = tensor.shape, longer = tensor.shape, shorter = tensor.shape, deeper = tensor.shape;
  std::reverse(turned.begin(), turned.end());
  ++longer.front();
  shorter.front() = std::max<std::int64_t>(1, shorter.front() - 1);
  deeper.insert(deeper.begin(), 1);
  for (const Shape& shape : {turned, longer, shorter, deeper}) reshape(shape);
  reshape({std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::int64_t{1}, std::multiplies<>())});
  for (const quant::Type type : {quant::Type::f16, quant::Type::q4_0, quant::Type::q4_k, quant::Type::iq1_s,
                                 quant::Type::i32, quant::Type::f64}) {
    if (tensor.shape.back() % quant::format(type).block_values == 0)
      add(std::string("as ") + std::string(quant::format(type).name), {tensor.name, type, tensor.shape});
  }
  add("under another name", {tensor.name + "s", tensor.type, tensor.shape});
  mutants.push_back(model);
  mutants.back().what += " without " + tensor.name;
  mutants.back().tensors.erase(mutants.back().tensors.begin() + static_cast<std::ptrdiff_t>(index));
  return mutants;
}

TEST(ConfigHostile, WhateverATensorIsThereIsASentenceOrLogits) {
  Trial trial;
  Sample sample(41);
  for (const std::string& name : models()) {
    const Mutant model = original(name);
    for (std::size_t i = 0; i < model.tensors.size(); ++i) {
      for (const Mutant& mutant : lies_about_tensor(model, i)) {
        if (sample.next()) trial.run(mutant);
      }
    }
  }
  RecordProperty("tried", trial.tried());
  RecordProperty("computed", trial.computed());
  EXPECT_GT(trial.tried(), 500);
}

}  // namespace
}  // namespace yoke::model
