#include "model/config_metadata.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/family.h"

namespace yoke::model {
namespace {

/// Writes "ARCH.key" pairs of one model.
class MetadataWriter {
 public:
  explicit MetadataWriter(std::string architecture) : architecture_(std::move(architecture)) {
    metadata_.set("general.architecture", architecture_);
  }

  void count(std::string_view name, std::int64_t value) { set(name, static_cast<std::uint64_t>(value)); }
  void number(std::string_view name, double value) { set(name, value); }
  void flag(std::string_view name, bool value) { set(name, value); }
  void flags(std::string_view name, std::vector<bool> values) { set(name, std::move(values)); }
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

const char* name_of(RopeScaling scaling) {
  if (scaling == RopeScaling::none) return "none";
  if (scaling == RopeScaling::linear) return "linear";
  return scaling == RopeScaling::yarn ? "yarn" : "longrope";
}

void write_rope(MetadataWriter& write, const RopeConfig& rope) {
  write.count("rope.dimension_count", rope.dims);
  write.number("rope.freq_base", rope.base);
  if (rope.attention_factor != 1) write.number("rope.scaling.attn_factor", rope.attention_factor);
  if (rope.scaling == RopeScaling::none) return;
  write.text("rope.scaling.type", name_of(rope.scaling));
  if (rope.scaling != RopeScaling::longrope) write.number("rope.scaling.factor", rope.factor);
  if (rope.scaling == RopeScaling::linear) return;
  write.count("rope.scaling.original_context_length", std::llround(rope.original_context));
  if (rope.scaling == RopeScaling::longrope) return;
  write.number("rope.scaling.yarn_beta_fast", rope.beta_fast);
  write.number("rope.scaling.yarn_beta_slow", rope.beta_slow);
  if (rope.log_multiplier != 0) write.number("rope.scaling.yarn_log_multiplier", rope.log_multiplier);
}

void write_heads(MetadataWriter& write, const Config& config) {
  const LatentConfig& latent = config.latent;
  write.count("attention.key_length", latent.kv_rank == 0 ? config.k_dim : latent.kv_rank + config.rope.dims);
  write.count("attention.value_length", latent.kv_rank == 0 ? config.v_dim : latent.kv_rank);
  if (latent.kv_rank == 0) return;
  write.count("attention.key_length_mla", config.k_dim);
  write.count("attention.value_length_mla", config.v_dim);
  write.count("attention.kv_lora_rank", latent.kv_rank);
  if (latent.q_rank > 0) write.count("attention.q_lora_rank", latent.q_rank);
}

void write_delta(MetadataWriter& write, const Config& config) {
  const DeltaConfig& delta = config.delta;
  if (delta.k_heads == 0) return;
  const std::int64_t v_heads = delta.k_heads * delta.group;
  write.count("ssm.group_count", delta.k_heads);
  write.count("ssm.time_step_rank", v_heads);
  write.count("ssm.state_size", delta.k_dim);
  write.count("ssm.inner_size", v_heads * delta.v_dim);
  write.count("ssm.conv_kernel", delta.taps);
  std::vector<bool> recurrent;
  for (const LayerConfig& layer : config.layers) recurrent.push_back(layer.recurrent);
  write.flags("attention.recurrent_layers", std::move(recurrent));
}

void write_experts(MetadataWriter& write, const Config& config) {
  const auto first = std::find_if(config.layers.begin(), config.layers.end(),
                                  [](const LayerConfig& layer) { return layer.n_experts > 0; });
  if (first == config.layers.end()) return;
  const ExpertConfig& experts = config.experts;
  write.count("expert_count", first->n_experts);
  write.count("leading_dense_block_count", first - config.layers.begin());
  write.count("expert_used_count", experts.used);
  write.count("expert_feed_forward_length", experts.ffn_dim);
  if (experts.shared_dim > 0) write.count("expert_shared_feed_forward_length", experts.shared_dim);
  if (experts.probability) {
    write.count("expert_gating_func", static_cast<std::int64_t>(*experts.probability) + 1);
  }
  if (experts.normalised) write.flag("expert_weights_norm", *experts.normalised);
  write.number("expert_weights_scale", static_cast<double>(experts.scale));
  if (experts.groups == 1) return;
  write.count("expert_group_count", experts.groups);
  write.count("expert_group_used_count", experts.groups_used);
}

}  // namespace

gguf::Metadata config_metadata(const Config& config) {
  assert(!config.layers.empty());
  const FamilyTraits& traits = traits_of(config.architecture);
  MetadataWriter write(config.architecture);
  write.count("vocab_size", config.vocabulary);
  write.count("context_length", config.context);
  write.count("embedding_length", config.dim);
  write.count("block_count", config.n_layers());
  write.counts("feed_forward_length", config.layers, &LayerConfig::ffn_dim);
  write.counts("attention.head_count", config.layers, &LayerConfig::n_heads);
  write.counts("attention.head_count_kv", config.layers, &LayerConfig::n_kv_heads);
  write_heads(write, config);
  write.number(
      traits.layer_norm_epsilon ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
      static_cast<double>(config.norm_epsilon));
  if (traits.windows && config.window > 0) write.count("attention.sliding_window", config.window);
  if (config.score_cap > 0) write.number("attn_logit_softcapping", static_cast<double>(config.score_cap));
  if (config.logit_cap > 0) write.number("final_logit_softcapping", static_cast<double>(config.logit_cap));
  if (config.query_scale.slope > 0) {
    write.number("attention.temperature_scale", config.query_scale.slope);
    write.count("attention.temperature_length", config.query_scale.length);
  }
  if (!traits.unrotated) write_rope(write, config.rope);
  if (!config.rope.finetuned) write.flag("rope.scaling.finetuned", false);
  write_delta(write, config);
  write_experts(write, config);
  return write.take();
}

}  // namespace yoke::model
