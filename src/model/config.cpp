#include "model/config.h"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include "model/family.h"
#include "model/key_reader.h"

namespace yoke::model {
namespace {

constexpr std::int64_t max_layers = 10'000;
// Whose weights can be added up in 64 bits when a token is drawn; a hundred times what any vocabulary has.
constexpr std::int64_t max_vocabulary = std::int64_t{1} << 24;

// Where float32 still holds all that is made with them, float16 the keys.
constexpr Bounds magnitudes{1e-2, 1e2};  // of queries and keys
constexpr Bounds epsilons{1e-15, 1};
constexpr Bounds bases{2, 1e12};        // whose powers are a rotation's wavelengths
constexpr Bounds stretches{1, 1e6};     // of a context
constexpr Bounds rotations{1e-3, 1e6};  // within a context

/// How the file stretches the rotation, and by what.
void read_rope_scaling(const gguf::Model& file, const KeyReader& read, RopeConfig& rope) {
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
  } else if (scaling == "longrope") {
    rope.scaling = RopeScaling::longrope;
    return;  // a single factor would say nothing more
  } else {
    require(scaling == "none", "{}: {} is '{}'; none, linear, yarn and longrope are supported",
            file.path().string(), read.key("rope.scaling.type"), scaling);
  }
  if (rope.scaling != RopeScaling::none) rope.factor = read.number_or_none(factor, 1, stretches);
}

RopeConfig read_rope(const gguf::Model& file, const KeyReader& read, const FamilyTraits& traits,
                     std::int64_t k_dim) {
  RopeConfig rope;
  if (traits.unrotated) return rope;
  rope.dims = read.count_or("rope.dimension_count", k_dim);
  require(rope.dims % 2 == 0 && rope.dims <= k_dim,
          "{}: {} is {}; expected an even number up to the head size {}", file.path().string(),
          read.key("rope.dimension_count"), rope.dims, k_dim);
  rope.base = read.number_or("rope.freq_base", rope.base, bases);
  read_rope_scaling(file, read, rope);
  rope.attention_factor = read.number_or_none("rope.scaling.attn_factor", rope.attention_factor, magnitudes);
  rope.finetuned = read.flag_or("rope.scaling.finetuned", true);
  return rope;
}

/// Positions before the context was stretched, where something goes by them.
double read_original_context(const KeyReader& read, bool is_used, std::int64_t context) {
  return static_cast<double>(is_used ? read.count_or("rope.scaling.original_context_length", context)
                                     : context);
}

/// The factor on queries, which grows with positions past the original context where the file names no other
/// length.
ops::PositionScale read_query_scale(const KeyReader& read, const RopeConfig& rope, double slope) {
  if (slope == 0) return {};
  return {.slope = slope,
          .length = read.count_or("attention.temperature_length",
                                  static_cast<std::int64_t>(rope.original_context))};
}

/// The rotation, and what else goes by positions.
void read_positions(const gguf::Model& file, const KeyReader& read, const FamilyTraits& traits,
                    Config& config) {
  const double slope = traits.scaled_queries ? read.number_or_none("attention.temperature_scale", 0) : 0;
  config.rope = read_rope(file, read, traits, config.k_dim);
  config.rope.original_context = read_original_context(
      read, slope > 0 || traits.factors_by_length || config.rope.scaling == RopeScaling::yarn,
      config.context);
  config.query_scale = read_query_scale(read, config.rope, slope);
  config.rope.at_end = config.latent.kv_rank > 0;
  require(!config.rope.at_end || config.rope.dims < config.k_dim,
          "{}: {} is {}; expected less than the head size {}, of which latents make the rest",
          file.path().string(), read.key("rope.dimension_count"), config.rope.dims, config.k_dim);
}

/// Latent attention, where the file has it.
void read_latent(const gguf::Model& file, const KeyReader& read, Config& config) {
  config.latent.kv_rank = read.count_or_none("attention.kv_lora_rank");
  if (config.latent.kv_rank == 0) return;
  config.latent.q_rank = read.count_or_none("attention.q_lora_rank");
  config.latent.joined = file.find("blk.0.attn_kv_b.weight") != nullptr;
}

/// Sizes of heads. With latent attention newer files call what has been the size of a head, as it is made
/// from a latent, by names of its own, and the latent itself a head.
void read_head_sizes(const gguf::Model& file, const KeyReader& read, Config& config) {
  const auto key_of = [&](const char* made_of_latent, const char* plain) {
    return config.latent.kv_rank > 0 && read.count_or_none(made_of_latent) > 0 ? made_of_latent : plain;
  };
  const char* const k_key = key_of("attention.key_length_mla", "attention.key_length");
  const std::int64_t n_heads = config.layers.front().n_heads;
  require(read.has(k_key) || config.dim % n_heads == 0,
          "{}: {} = {} is not a multiple of {} = {}, and {} is absent", file.path().string(),
          read.key("embedding_length"), config.dim, read.key("attention.head_count"), n_heads,
          read.key(k_key));
  config.k_dim = read.has(k_key) ? read.count(k_key) : config.dim / n_heads;
  config.v_dim = read.count_or(key_of("attention.value_length_mla", "attention.value_length"), config.k_dim);
}

/// The key that a family's norms go by; where a file has only the other one, it means the same.
float read_norm_epsilon(const KeyReader& read, const FamilyTraits& traits) {
  const char* own = "attention.layer_norm_rms_epsilon";
  const char* other = "attention.layer_norm_epsilon";
  if (traits.layer_norm_epsilon) std::swap(own, other);
  const bool has_other_only = read.has(other) && !read.has(own);
  return static_cast<float>(read.number_or(has_other_only ? other : own, 1e-5, epsilons));
}

/// Which layers are recurrent: as a list says, or all but each so many-th.
void read_recurrent_layers(const gguf::Model& file, const KeyReader& read, std::int64_t n_blocks,
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
void read_delta(const gguf::Model& file, const KeyReader& read, std::int64_t n_blocks, Config& config) {
  if (read.count_or_none("ssm.group_count") == 0) return;
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

/// The layers, with what of them is attention.
void read_layers(const gguf::Model& file, const KeyReader& read, std::int64_t n_blocks, std::int64_t n_layers,
                 Config& config) {
  const std::vector<std::int64_t> heads = read.counts("attention.head_count", n_blocks, n_layers);
  std::vector<std::int64_t> kv_heads = heads;
  if (config.latent.kv_rank > 0) {
    std::fill(kv_heads.begin(), kv_heads.end(), 1);  // all heads read the same latents
  } else if (read.has("attention.head_count_kv")) {
    kv_heads = read.counts("attention.head_count_kv", n_blocks, n_layers);
  }
  for (std::size_t i = 0; i < heads.size(); ++i) {
    require(heads[i] % kv_heads[i] == 0, "{}: layer {} has {} heads over {} KV heads; expected a multiple",
            file.path().string(), i, heads[i], kv_heads[i]);
    config.layers.push_back({.n_heads = heads[i], .n_kv_heads = kv_heads[i]});
  }
}

/// Units of dense blocks. Where all layers have experts files need not say how wide such would be, or say 0.
void read_dense_units(const gguf::Model& file, const KeyReader& read, std::int64_t n_blocks, Config& config) {
  const bool needs_none = std::all_of(config.layers.begin(), config.layers.end(),
                                      [](const LayerConfig& layer) { return layer.n_experts > 0; });
  std::vector<std::int64_t> units(config.layers.size(), 0);
  if (!needs_none || read.has("feed_forward_length"))
    units = read.counts("feed_forward_length", n_blocks, config.n_layers(), 0);
  for (std::size_t i = 0; i < units.size(); ++i) {
    require(units[i] > 0 || config.layers[i].n_experts > 0,
            "{}: {} is 0 for layer {}, which has no experts; expected at least 1", file.path().string(),
            read.key("feed_forward_length"), i);
    config.layers[i].ffn_dim = units[i] > 0 ? units[i] : config.experts.ffn_dim;
  }
}

/// Which layers have experts, and how many: those behind the first dense ones, each so many-th.
void read_expert_layers(const gguf::Model& file, const KeyReader& read, const FamilyTraits& traits,
                        Config& config) {
  const std::int64_t n_experts = read.count_or_none("expert_count");
  if (n_experts == 0) return;
  const std::int64_t leading = read.count_or_none("leading_dense_block_count");
  const std::int64_t step = traits.stepped_experts ? read.count_or("interleave_moe_layer_step", 1) : 1;
  require(leading < config.n_layers(), "{}: {} is {}, but the model has {} layers", file.path().string(),
          read.key("leading_dense_block_count"), leading, config.n_layers());
  for (std::int64_t i = leading; i < config.n_layers(); ++i) {
    if ((i + 1) % step == 0) config.layers[i].n_experts = n_experts;
  }
}

/// Units of the experts that every token goes to. Where a file does not say, their first matrix shows it.
std::int64_t read_shared_units(const gguf::Model& file, const KeyReader& read,
                               const std::vector<LayerConfig>& layers, std::int64_t units) {
  if (const std::int64_t all = read.count_or_none("expert_shared_feed_forward_length"); all > 0) return all;
  if (const std::int64_t n = read.count_or_none("expert_shared_count"); n > 0) return n * units;
  const auto first = std::find_if(layers.begin(), layers.end(),
                                  [](const LayerConfig& layer) { return layer.n_experts > 0; });
  const gguf::TensorInfo* matrix =
      file.find(fmt::format("blk.{}.ffn_up_shexp.weight", first - layers.begin()));
  return matrix == nullptr ? 0 : matrix->shape.front();
}

ExpertConfig read_experts(const gguf::Model& file, const KeyReader& read,
                          const std::vector<LayerConfig>& layers) {
  using Probability = ops::RouteSpec::Probability;
  const std::string name = file.path().string();
  ExpertConfig experts;
  const std::int64_t n_experts = read.count_or_none("expert_count");
  if (n_experts == 0) return experts;
  experts.used = read.count("expert_used_count");
  require(experts.used <= n_experts, "{}: {} is {}, but there are {} experts", name,
          read.key("expert_used_count"), experts.used, n_experts);
  experts.ffn_dim = read.count_or_none("expert_feed_forward_length");
  if (experts.ffn_dim == 0) experts.ffn_dim = read.count("feed_forward_length");
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
  if (read.count_or_none("expert_group_count") <= 1) return experts;  // one is no choice
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
  const KeyReader read(file);
  const std::string name = file.path().string();
  Config config;
  config.architecture = read.architecture;
  config.where = name + ": ";
  check_architecture(config.architecture, config.where);  // before keys are missed that it may not have
  const FamilyTraits& traits = traits_of(config.architecture);
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
  read_latent(file, read, config);
  read_layers(file, read, n_blocks, n_layers, config);
  read_expert_layers(file, read, traits, config);
  config.experts = read_experts(file, read, config.layers);
  read_dense_units(file, read, n_blocks, config);
  read_head_sizes(file, read, config);
  config.norm_epsilon = read_norm_epsilon(read, traits);
  config.window = traits.windows ? read.count_or_none("attention.sliding_window") : 0;
  config.attention_scale = static_cast<float>(read.number_or_none("attention.scale", 0));
  config.score_cap = static_cast<float>(read.number_or_none("attn_logit_softcapping", 0));
  config.embedding_scale = static_cast<float>(read.number_or_none("embedding_scale", 1));
  if (traits.scaled_residuals)
    config.residual_scale = static_cast<float>(read.number_or_none("residual_scale", 1));
  config.logit_scale = static_cast<float>(read.number_or_none("logit_scale", 1));
  config.logit_cap = static_cast<float>(read.number_or_none("final_logit_softcapping", 0));
  read_delta(file, read, n_blocks, config);
  read_positions(file, read, traits, config);
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

bool Config::is_recurrent() const {
  return std::any_of(layers.begin(), layers.end(), [](const LayerConfig& layer) { return layer.recurrent; });
}

std::int64_t Config::widest_window() const {
  std::int64_t widest = 0;
  for (const LayerConfig& layer : layers) widest = std::max(widest, layer.window);
  return widest;
}

std::int64_t Config::expanded_cell() const {
  if (latent.kv_rank == 0) return 0;
  // In multiply-adds of a head, for each position that is attended to: to make its key and value, and what a
  // token saves by heads of their own size instead of the latents'.
  const std::int64_t kept = 2 * latent.kv_rank + rope.dims, own = k_dim + v_dim;
  const std::int64_t made = (own - rope.dims) * latent.kv_rank;
  return made < (kept - own) * LatentConfig::cell ? LatentConfig::cell : 0;
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
