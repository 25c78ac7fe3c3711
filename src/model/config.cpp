#include "model/config.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>
#include <string_view>
#include <utility>

#include "model/family.h"

namespace yoke::model {
namespace {

constexpr std::int64_t max_layers = 10'000;
// Of any dimension: tokens, positions and widths are 32-bit numbers in a batch, and the product of two fits
// in 64 bits.
constexpr std::int64_t max_count = std::int64_t{1} << 30;
// Whose weights can be added up in 64 bits when a token is drawn; a hundred times what any vocabulary has.
constexpr std::int64_t max_vocabulary = std::int64_t{1} << 24;

/// Reads "ARCH.key" pairs of one model.
class Reader {
 public:
  explicit Reader(const gguf::Model& file) : file_(file), metadata_(file.metadata()) {
    architecture = metadata_.string("general.architecture");
  }

  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture, name); }
  bool has(std::string_view name) const { return metadata_.has(key(name)); }

  /// A count of at least 1.
  std::int64_t count(std::string_view name) const { return checked(name, metadata_.integer(key(name))); }
  std::int64_t count_or(std::string_view name, std::int64_t otherwise) const {
    return has(name) ? count(name) : otherwise;
  }

  /// A count per layer, given once for all or as an array of one value per layer.
  std::vector<std::int64_t> counts(std::string_view name, std::int64_t n_layers) const {
    const gguf::Value* value = metadata_.find(key(name));
    if (value != nullptr && (std::holds_alternative<std::vector<std::int64_t>>(*value) ||
                             std::holds_alternative<std::vector<std::uint64_t>>(*value))) {
      std::vector<std::int64_t> all = metadata_.integers(key(name));
      require(static_cast<std::int64_t>(all.size()) == n_layers,
              "{}: {} has {} values, but the model has {} layers", file_.path().string(), key(name),
              all.size(), n_layers);
      for (const std::int64_t one : all) checked(name, one);
      return all;
    }
    return std::vector<std::int64_t>(static_cast<std::size_t>(n_layers), count(name));
  }

  /// A positive, finite number.
  double positive(std::string_view name, double otherwise) const {
    const double value = metadata_.number_or(key(name), otherwise);
    require(std::isfinite(value) && value > 0, "{}: {} is {}; expected a positive number",
            file_.path().string(), key(name), value);
    return value;
  }

  std::string architecture;

 private:
  std::int64_t checked(std::string_view name, std::int64_t value) const {
    require(value >= 1 && value <= max_count, "{}: {} is {}; expected a count between 1 and {}",
            file_.path().string(), key(name), value, max_count);
    return value;
  }

  const gguf::Model& file_;
  const gguf::Metadata& metadata_;
};

RopeConfig read_rope(const gguf::Model& file, const Reader& read, std::int64_t k_dim) {
  const std::string name = file.path().string();
  RopeConfig rope;
  rope.dims = read.count_or("rope.dimension_count", k_dim);
  require(rope.dims % 2 == 0 && rope.dims <= k_dim,
          "{}: {} is {}; expected an even number up to the head size {}", name,
          read.key("rope.dimension_count"), rope.dims, k_dim);
  rope.base = read.positive("rope.freq_base", rope.base);
  // A factor without a type means linear scaling; files of 2023 called it rope.scale_linear; 0 stands for no
  // scaling.
  const char* factor = read.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  const std::string scaling =
      file.metadata().string_or(read.key("rope.scaling.type"), read.has(factor) ? "linear" : "none");
  if (scaling == "linear") {
    rope.scaling = RopeScaling::linear;
  } else if (scaling == "yarn") {
    rope.scaling = RopeScaling::yarn;
    rope.original_context = static_cast<double>(
        read.count_or("rope.scaling.original_context_length", read.count("context_length")));
    rope.attention_factor = read.positive("rope.scaling.attn_factor", rope.attention_factor);
    rope.beta_fast = read.positive("rope.scaling.yarn_beta_fast", rope.beta_fast);
    rope.beta_slow = read.positive("rope.scaling.yarn_beta_slow", rope.beta_slow);
  } else {
    require(scaling == "none", "{}: {} is '{}'; none, linear and yarn are supported", name,
            read.key("rope.scaling.type"), scaling);
  }
  const bool scaled = file.metadata().number_or(read.key(factor), 0) != 0;
  if (scaled && rope.scaling != RopeScaling::none) rope.factor = read.positive(factor, 1);
  return rope;
}

}  // namespace

Config read_config(const gguf::Model& file) {
  const Reader read(file);
  const std::string name = file.path().string();
  Config config;
  config.architecture = read.architecture;
  check_architecture(config.architecture, name + ": ");  // before keys are missed that it may not have
  config.dim = read.count("embedding_length");
  config.context = read.count("context_length");
  const gguf::TensorInfo* embedding = file.find("token_embd.weight");
  require(embedding != nullptr && embedding->shape.size() == 2,
          "{}: there is no tensor 'token_embd.weight' of shape (vocabulary, {}), so this file holds no model "
          "to run",
          name, config.dim);
  config.vocabulary = embedding->shape[0];
  require(config.vocabulary <= max_vocabulary,
          "{}: tensor 'token_embd.weight' has {} rows; expected at most {}", name, config.vocabulary,
          max_vocabulary);

  const std::int64_t n_layers = read.count("block_count");
  require(n_layers <= max_layers, "{}: {} is {}; expected at most {}", name, read.key("block_count"),
          n_layers, max_layers);
  const std::vector<std::int64_t> heads = read.counts("attention.head_count", n_layers);
  const std::vector<std::int64_t> kv_heads =
      read.has("attention.head_count_kv") ? read.counts("attention.head_count_kv", n_layers) : heads;
  const std::vector<std::int64_t> ffn = read.counts("feed_forward_length", n_layers);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n_layers); ++i) {
    require(heads[i] % kv_heads[i] == 0, "{}: layer {} has {} heads over {} KV heads; expected a multiple",
            name, i, heads[i], kv_heads[i]);
    config.layers.push_back({heads[i], kv_heads[i], ffn[i]});
  }
  const bool has_head_size = read.has("attention.key_length");
  require(has_head_size || config.dim % heads[0] == 0,
          "{}: {} = {} is not a multiple of {} = {}, and {} is absent", name, read.key("embedding_length"),
          config.dim, read.key("attention.head_count"), heads[0], read.key("attention.key_length"));
  config.k_dim = has_head_size ? read.count("attention.key_length") : config.dim / heads[0];
  config.v_dim = read.count_or("attention.value_length", config.k_dim);
  config.rms_epsilon = static_cast<float>(read.positive("attention.layer_norm_rms_epsilon", 1e-5));
  config.rope = read_rope(file, read, config.k_dim);
  return config;
}

namespace {

/// Writes "ARCH.key" pairs of one model.
class MetadataWriter {
 public:
  explicit MetadataWriter(std::string architecture) : architecture_(std::move(architecture)) {
    metadata_.set("general.architecture", architecture_);
  }

  void count(std::string_view name, std::int64_t value) { set(name, static_cast<std::uint64_t>(value)); }
  void number(std::string_view name, double value) { set(name, value); }
  void text(std::string_view name, std::string value) { set(name, std::move(value)); }
  /// One of the counts of every layer: a single value where all are equal.
  void counts(std::string_view name, const std::vector<LayerConfig>& layers,
              std::int64_t LayerConfig::*member) {
    std::vector<std::uint64_t> all;
    for (const LayerConfig& layer : layers) all.push_back(static_cast<std::uint64_t>(layer.*member));
    if (std::equal(all.begin() + 1, all.end(), all.begin())) {
      set(name, all.front());
    } else {
      set(name, std::move(all));
    }
  }
  gguf::Metadata take() { return std::move(metadata_); }

 private:
  void set(std::string_view name, gguf::Value value) {
    metadata_.set(fmt::format("{}.{}", architecture_, name), std::move(value));
  }

  std::string architecture_;
  gguf::Metadata metadata_;
};

void write_rope(MetadataWriter& write, const RopeConfig& rope) {
  write.count("rope.dimension_count", rope.dims);
  write.number("rope.freq_base", rope.base);
  if (rope.scaling == RopeScaling::none) return;
  write.text("rope.scaling.type", rope.scaling == RopeScaling::linear ? "linear" : "yarn");
  write.number("rope.scaling.factor", rope.factor);
  if (rope.scaling == RopeScaling::linear) return;
  write.count("rope.scaling.original_context_length", std::llround(rope.original_context));
  write.number("rope.scaling.attn_factor", rope.attention_factor);
  write.number("rope.scaling.yarn_beta_fast", rope.beta_fast);
  write.number("rope.scaling.yarn_beta_slow", rope.beta_slow);
}

}  // namespace

gguf::Metadata config_metadata(const Config& config) {
  assert(!config.layers.empty());
  MetadataWriter write(config.architecture);
  write.count("vocab_size", config.vocabulary);
  write.count("context_length", config.context);
  write.count("embedding_length", config.dim);
  write.count("block_count", config.n_layers());
  write.counts("feed_forward_length", config.layers, &LayerConfig::ffn_dim);
  write.counts("attention.head_count", config.layers, &LayerConfig::n_heads);
  write.counts("attention.head_count_kv", config.layers, &LayerConfig::n_kv_heads);
  write.count("attention.key_length", config.k_dim);
  write.count("attention.value_length", config.v_dim);
  write.number("attention.layer_norm_rms_epsilon", static_cast<double>(config.rms_epsilon));
  write_rope(write, config.rope);
  return write.take();
}

namespace {

/// The share of each pair's frequency that YaRN interpolates: 0 for pairs that turn often within the original
/// context, 1 for those that do not come round, a ramp between.
std::vector<double> yarn_ramp(const RopeConfig& config) {
  const double dims = static_cast<double>(config.dims);
  const auto pair_that_turns = [&](double times) {
    return dims * std::log(config.original_context / (times * 2 * std::numbers::pi)) /
           (2 * std::log(config.base));
  };
  const double low = std::max(0.0, std::floor(pair_that_turns(config.beta_fast)));
  const double high = std::min(dims - 1, std::ceil(pair_that_turns(config.beta_slow)));
  std::vector<double> ramp;
  for (std::int64_t pair = 0; pair < config.dims / 2; ++pair) {
    ramp.push_back(std::clamp((static_cast<double>(pair) - low) / std::max(0.001, high - low), 0.0, 1.0));
  }
  return ramp;
}

}  // namespace

ops::RopeSpec rope_spec(const RopeConfig& config, ops::RopeStyle style, const std::vector<float>& factors) {
  const std::size_t pairs = static_cast<std::size_t>(config.dims / 2);
  std::vector<double> interpolated(pairs, config.scaling == RopeScaling::linear ? 1.0 : 0.0);
  ops::RopeSpec spec;
  spec.style = style;
  if (config.scaling == RopeScaling::yarn) {
    interpolated = yarn_ramp(config);
    spec.magnitude = static_cast<float>(config.attention_factor * (1 + 0.1 * std::log(config.factor)));
  }
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const double exponent = -2.0 * static_cast<double>(pair) / static_cast<double>(config.dims);
    const double factor = factors.empty() ? 1.0 : static_cast<double>(factors[pair]);
    const double stretch = 1 - interpolated[pair] + interpolated[pair] / config.factor;
    spec.frequencies.push_back(std::pow(config.base, exponent) / factor * stretch);
  }
  return spec;
}

}  // namespace yoke::model
