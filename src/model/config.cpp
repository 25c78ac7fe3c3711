#include "model/config.h"

#include <algorithm>
#include <cassert>
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

/// What a number may be, both ends included.
struct Bounds {
  double least, most;
};
// Far beyond what any model has, and where float32 still holds all that is made with them, float16 the keys.
constexpr Bounds factors{1e-4, 1e4};
constexpr Bounds magnitudes{1e-2, 1e2};  // of queries and keys
constexpr Bounds epsilons{1e-15, 1};
constexpr Bounds bases{2, 1e12};        // whose powers are a rotation's wavelengths
constexpr Bounds stretches{1, 1e6};     // of a context
constexpr Bounds rotations{1e-3, 1e6};  // within a context

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

  /// A count per layer, given once for all or as an array of one value per block; of those the first layers
  /// are run.
  std::vector<std::int64_t> counts(std::string_view name, std::int64_t n_blocks,
                                   std::int64_t n_layers) const {
    const gguf::Value* value = metadata_.find(key(name));
    if (value != nullptr && (std::holds_alternative<std::vector<std::int64_t>>(*value) ||
                             std::holds_alternative<std::vector<std::uint64_t>>(*value))) {
      std::vector<std::int64_t> all = metadata_.integers(key(name));
      require(static_cast<std::int64_t>(all.size()) == n_blocks,
              "{}: {} has {} values, but the model has {} layers", file_.path().string(), key(name),
              all.size(), n_blocks);
      all.resize(static_cast<std::size_t>(n_layers));
      for (const std::int64_t one : all) checked(name, one);
      return all;
    }
    return std::vector<std::int64_t>(static_cast<std::size_t>(n_layers), count(name));
  }

  /// A count, or 0.
  std::int64_t count_or_none(std::string_view name) const {
    return file_.metadata().integer_or(key(name), 0) == 0 ? 0 : count(name);
  }

  bool flag_or(std::string_view name, bool otherwise) const {
    return file_.metadata().flag_or(key(name), otherwise);
  }

  /// A number within its bounds; NaN is in none.
  double number_or(std::string_view name, double otherwise, const Bounds& bounds) const {
    if (!has(name)) return otherwise;
    const double value = metadata_.number(key(name));
    require(value >= bounds.least && value <= bounds.most, "{}: {} is {}; expected a number from {} to {}",
            file_.path().string(), key(name), value, bounds.least, bounds.most);
    return value;
  }

  /// The same, or `otherwise` where it is 0, too, which stands for none.
  double number_or_none(std::string_view name, double otherwise, const Bounds& bounds = factors) const {
    return metadata_.number_or(key(name), 0) == 0 ? otherwise : number_or(name, otherwise, bounds);
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
  rope.base = read.number_or("rope.freq_base", rope.base, bases);
  // A factor without a type means linear scaling; files of 2023 called it rope.scale_linear; 0 stands for no
  // scaling.
  const char* factor = read.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  const std::string scaling =
      file.metadata().string_or(read.key("rope.scaling.type"), read.has(factor) ? "linear" : "none");
  if (scaling == "linear") {
    rope.scaling = RopeScaling::linear;
  } else if (scaling == "yarn") {
    rope.scaling = RopeScaling::yarn;
    rope.beta_fast = read.number_or("rope.scaling.yarn_beta_fast", rope.beta_fast, rotations);
    rope.beta_slow = read.number_or("rope.scaling.yarn_beta_slow", rope.beta_slow, rotations);
    rope.log_multiplier = read.number_or_none("rope.scaling.yarn_log_multiplier", 0, magnitudes);
  } else {
    require(scaling == "none", "{}: {} is '{}'; none, linear and yarn are supported", name,
            read.key("rope.scaling.type"), scaling);
  }
  rope.original_context = static_cast<double>(
      read.count_or("rope.scaling.original_context_length", read.count("context_length")));
  rope.attention_factor = read.number_or("rope.scaling.attn_factor", rope.attention_factor, magnitudes);
  rope.finetuned = read.flag_or("rope.scaling.finetuned", true);
  if (rope.scaling != RopeScaling::none) rope.factor = read.number_or_none(factor, 1, stretches);
  return rope;
}

/// The factor on queries, which grows with positions past the original context where the file names no other
/// length.
ops::PositionScale read_query_scale(const Reader& read, const RopeConfig& rope) {
  return {.slope = read.number_or_none("attention.temperature_scale", 0),
          .length = read.count_or("attention.temperature_length",
                                  static_cast<std::int64_t>(rope.original_context))};
}

/// Latent attention, where the file has it. Newer files call what has been the size of a head, as it is made
/// from a latent, by names of its own, and the latent itself a head.
void read_latent(const gguf::Model& file, const Reader& read, Config& config) {
  config.latent.kv_rank = read.count_or_none("attention.kv_lora_rank");
  if (config.latent.kv_rank == 0) return;
  config.latent.q_rank = read.count_or_none("attention.q_lora_rank");
  config.latent.joined = file.find("blk.0.attn_kv_b.weight") != nullptr;
  config.k_dim = read.count_or("attention.key_length_mla", config.k_dim);
  config.v_dim = read.count_or("attention.value_length_mla", config.v_dim);
  for (LayerConfig& layer : config.layers) layer.n_kv_heads = 1;  // all heads read the same latents
}

/// Which layers are recurrent: as a list says, or all but each so many-th.
void read_recurrent_layers(const gguf::Model& file, const Reader& read, std::int64_t n_blocks,
                           Config& config) {
  const std::string key = read.key("attention.recurrent_layers");
  const gguf::Value* const list = file.metadata().find(key);
  if (list == nullptr) {
    const std::int64_t interval = read.count_or("full_attention_interval", 4);
    for (std::int64_t i = 0; i < config.n_layers(); ++i) config.layers[i].recurrent = (i + 1) % interval != 0;
    return;
  }
  const auto* const flags = std::get_if<std::vector<bool>>(list);
  require(flags != nullptr && std::ssize(*flags) == n_blocks,
          "{}: {} is {}; expected true or false for each of {} layers", file.path().string(), key,
          gguf::describe(*list), n_blocks);
  for (std::int64_t i = 0; i < config.n_layers(); ++i)
    config.layers[i].recurrent = (*flags)[static_cast<std::size_t>(i)];
}

/// The gated delta rule, where the file has it.
void read_delta(const gguf::Model& file, const Reader& read, std::int64_t n_blocks, Config& config) {
  if (!read.has("ssm.group_count")) return;
  const std::string name = file.path().string();
  DeltaConfig& delta = config.delta;
  delta.k_heads = read.count("ssm.group_count");
  delta.k_dim = read.count("ssm.state_size");
  delta.taps = read.count("ssm.conv_kernel");
  const std::int64_t v_heads = read.count("ssm.time_step_rank"), values = read.count("ssm.inner_size");
  require(v_heads % delta.k_heads == 0, "{}: {} value heads ({}) over {} key heads ({}); expected a multiple",
          name, v_heads, read.key("ssm.time_step_rank"), delta.k_heads, read.key("ssm.group_count"));
  require(values % v_heads == 0, "{}: {} is {}, which {} value heads do not divide", name,
          read.key("ssm.inner_size"), values, v_heads);
  delta.group = v_heads / delta.k_heads;
  delta.v_dim = values / v_heads;
  delta.joined = file.find("blk.0.ssm_in.weight") != nullptr;
  read_recurrent_layers(file, read, n_blocks, config);
}

/// Which layers have experts, and how many: those behind the first dense ones, each so many-th.
void read_expert_layers(const gguf::Model& file, const Reader& read, Config& config) {
  const std::int64_t n_experts = read.count_or_none("expert_count");
  if (n_experts == 0) return;
  const std::int64_t leading = read.count_or_none("leading_dense_block_count");
  const std::int64_t step = read.count_or("interleave_moe_layer_step", 1);
  require(leading < config.n_layers(), "{}: {} is {}, but the model has {} layers", file.path().string(),
          read.key("leading_dense_block_count"), leading, config.n_layers());
  for (std::int64_t i = leading; i < config.n_layers(); ++i) {
    if ((i + 1) % step == 0) config.layers[i].n_experts = n_experts;
  }
}

/// Units of the experts that every token goes to. Where a file does not say, their first matrix shows it.
std::int64_t read_shared_units(const gguf::Model& file, const Reader& read,
                               const std::vector<LayerConfig>& layers, std::int64_t units) {
  if (read.has("expert_shared_feed_forward_length")) return read.count("expert_shared_feed_forward_length");
  if (read.has("expert_shared_count")) return read.count_or_none("expert_shared_count") * units;
  const auto first = std::find_if(layers.begin(), layers.end(),
                                  [](const LayerConfig& layer) { return layer.n_experts > 0; });
  const gguf::TensorInfo* matrix =
      file.find(fmt::format("blk.{}.ffn_up_shexp.weight", first - layers.begin()));
  return matrix == nullptr ? 0 : matrix->shape.front();
}

ExpertConfig read_experts(const gguf::Model& file, const Reader& read,
                          const std::vector<LayerConfig>& layers) {
  using Probability = ops::RouteSpec::Probability;
  const std::string name = file.path().string();
  ExpertConfig experts;
  const std::int64_t n_experts = read.count_or_none("expert_count");
  if (n_experts == 0) return experts;
  experts.used = read.count("expert_used_count");
  require(experts.used <= n_experts, "{}: {} is {}, but there are {} experts", name,
          read.key("expert_used_count"), experts.used, n_experts);
  experts.ffn_dim = read.has("expert_feed_forward_length") ? read.count("expert_feed_forward_length")
                                                           : read.count("feed_forward_length");
  experts.shared_dim = read_shared_units(file, read, layers, experts.ffn_dim);
  if (read.has("expert_gating_func")) {
    const std::int64_t gating = read.count_or_none("expert_gating_func");
    constexpr Probability known[] = {Probability::softmax, Probability::sigmoid,
                                     Probability::softmax_of_chosen};
    require(gating <= std::ssize(known),
            "{}: {} is {}; expected 1 (softmax), 2 (sigmoid) or 3 (softmax over the chosen)", name,
            read.key("expert_gating_func"), gating);
    if (gating > 0) experts.probability = known[gating - 1];
  }
  if (read.has("expert_weights_norm")) experts.normalised = read.flag_or("expert_weights_norm", false);
  experts.scale = static_cast<float>(read.number_or_none("expert_weights_scale", 1));
  if (read.count_or_none("expert_group_count") == 0) return experts;
  experts.groups = read.count("expert_group_count");
  experts.groups_used = read.count("expert_group_used_count");
  require(n_experts % experts.groups == 0, "{}: {} is {}, which does not divide {} experts", name,
          read.key("expert_group_count"), experts.groups, n_experts);
  require(experts.groups_used <= experts.groups &&
              experts.groups_used * (n_experts / experts.groups) >= experts.used,
          "{}: {} of {} groups of {} experts are to be chosen from, where {} experts are used", name,
          experts.groups_used, experts.groups, n_experts / experts.groups, experts.used);
  return experts;
}

}  // namespace

Config read_config(const gguf::Model& file) {
  const Reader read(file);
  const std::string name = file.path().string();
  Config config;
  config.architecture = read.architecture;
  config.where = name + ": ";
  check_architecture(config.architecture, config.where);  // before keys are missed that it may not have
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

  config.n_draft_layers = read.count_or_none("nextn_predict_layers");
  const std::int64_t n_blocks = read.count("block_count");
  require(n_blocks > config.n_draft_layers, "{}: all {} layers are for drafts, as {} says", name, n_blocks,
          read.key("nextn_predict_layers"));
  const std::int64_t n_layers = n_blocks - config.n_draft_layers;
  require(n_blocks <= max_layers, "{}: {} is {}; expected at most {}", name, read.key("block_count"),
          n_blocks, max_layers);
  const std::vector<std::int64_t> heads = read.counts("attention.head_count", n_blocks, n_layers);
  const std::vector<std::int64_t> kv_heads = read.has("attention.head_count_kv")
                                                 ? read.counts("attention.head_count_kv", n_blocks, n_layers)
                                                 : heads;
  // A model whose layers all have experts need not say how wide dense ones would be.
  const std::vector<std::int64_t> ffn =
      read.has("feed_forward_length") || !read.has("expert_feed_forward_length")
          ? read.counts("feed_forward_length", n_blocks, n_layers)
          : read.counts("expert_feed_forward_length", n_blocks, n_layers);
  for (std::size_t i = 0; i < static_cast<std::size_t>(n_layers); ++i) {
    require(heads[i] % kv_heads[i] == 0, "{}: layer {} has {} heads over {} KV heads; expected a multiple",
            name, i, heads[i], kv_heads[i]);
    config.layers.push_back({heads[i], kv_heads[i], ffn[i]});
  }
  read_expert_layers(file, read, config);
  config.experts = read_experts(file, read, config.layers);
  const bool has_head_size = read.has("attention.key_length");
  require(has_head_size || config.dim % heads[0] == 0,
          "{}: {} = {} is not a multiple of {} = {}, and {} is absent", name, read.key("embedding_length"),
          config.dim, read.key("attention.head_count"), heads[0], read.key("attention.key_length"));
  config.k_dim = has_head_size ? read.count("attention.key_length") : config.dim / heads[0];
  config.v_dim = read.count_or("attention.value_length", config.k_dim);
  const double layer_norm_epsilon = read.number_or("attention.layer_norm_epsilon", 1e-5, epsilons);
  config.norm_epsilon =
      static_cast<float>(read.number_or("attention.layer_norm_rms_epsilon", layer_norm_epsilon, epsilons));
  config.window = read.count_or_none("attention.sliding_window");
  config.attention_scale = static_cast<float>(read.number_or_none("attention.scale", 0));
  config.score_cap = static_cast<float>(read.number_or_none("attn_logit_softcapping", 0));
  config.embedding_scale = static_cast<float>(read.number_or_none("embedding_scale", 1));
  config.residual_scale = static_cast<float>(read.number_or_none("residual_scale", 1));
  config.logit_scale = static_cast<float>(read.number_or_none("logit_scale", 1));
  config.logit_cap = static_cast<float>(read.number_or_none("final_logit_softcapping", 0));
  read_latent(file, read, config);
  read_delta(file, read, n_blocks, config);
  config.rope = read_rope(file, read, config.k_dim);
  config.query_scale = read_query_scale(read, config.rope);
  config.rope.at_end = config.latent.kv_rank > 0;
  require(!config.rope.at_end || config.rope.dims < config.k_dim,
          "{}: {} is {}; expected less than the head size {}, of which latents make the rest", name,
          read.key("rope.dimension_count"), config.rope.dims, config.k_dim);
  return config;
}

ops::RouteSpec ExpertConfig::route(ops::RouteSpec::Probability default_probability,
                                   bool default_normalised) const {
  const ops::RouteSpec::Probability by = probability.value_or(default_probability);
  // DeepSeek V2, which takes the softmax, judges a group by its best expert, V3 by the best two.
  return {.probability = by,
          .used = used,
          .normalised = normalised.value_or(default_normalised),
          .scale = scale,
          .groups = groups,
          .groups_used = groups_used,
          .group_deciders = by == ops::RouteSpec::Probability::softmax ? 1 : 2};
}

void Config::require_experts() const {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    require(layers[i].n_experts > 0,
            "{}layer {} of this {} model has no experts: {}.expert_count is expected", where, i, architecture,
            architecture);
  }
}

void Config::add_draft_layers() {
  require(n_draft_layers > 0, "{}this {} model has no draft layers", where, architecture);
  assert(n_drafting == 0);
  layers.insert(layers.end(), static_cast<std::size_t>(n_draft_layers), LayerConfig(layers.back()));
  n_drafting = n_draft_layers;
}

}  // namespace yoke::model
