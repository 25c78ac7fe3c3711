#include "model/family.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>

#include "base/nearest_name.h"
#include "model/families/bailingmoe2.h"
#include "model/families/command_r.h"
#include "model/families/deepseek2.h"
#include "model/families/dots1.h"
#include "model/families/exaone4.h"
#include "model/families/gemma2.h"
#include "model/families/gemma3.h"
#include "model/families/glm4.h"
#include "model/families/glm4moe.h"
#include "model/families/gpt2.h"
#include "model/families/gpt_oss.h"
#include "model/families/granite.h"
#include "model/families/hunyuan.h"
#include "model/families/llama.h"
#include "model/families/llama4.h"
#include "model/families/minimax_m2.h"
#include "model/families/mistral3.h"
#include "model/families/olmo2.h"
#include "model/families/olmoe.h"
#include "model/families/phi3.h"
#include "model/families/phimoe.h"
#include "model/families/qwen2.h"
#include "model/families/qwen2moe.h"
#include "model/families/qwen3.h"
#include "model/families/qwen3next.h"
#include "model/families/seed_oss.h"
#include "model/families/smollm3.h"
#include "model/families/stablelm.h"
#include "model/families/starcoder2.h"

namespace yoke::model {
namespace {

struct Known {
  std::string_view architecture;
  std::unique_ptr<Family> (*make)(Config);
  FamilyTraits traits{};
};
constexpr std::array known{
    Known{"bailingmoe2", make_bailingmoe2, {.experts = true}},
    Known{"cohere2", make_cohere2, {.windows = true, .layer_norm_epsilon = true}},
    Known{"command-r", make_command_r, {.layer_norm_epsilon = true}},
    Known{"deepseek2", make_deepseek2, {.experts = true, .latents = true, .scaled_queries = true}},
    Known{"dots1", make_dots1, {.experts = true}},
    Known{"ernie4_5", make_llama, {.experts = true, .stepped_experts = true}},
    Known{"ernie4_5-moe", make_llama, {.experts = true, .stepped_experts = true}},
    Known{"exaone4", make_exaone4, {.windows = true}},
    Known{"gemma2", make_gemma2, {.windows = true}},
    Known{"gemma3", make_gemma3, {.windows = true}},
    Known{"glm4", make_glm4},
    Known{"glm4moe", make_glm4moe, {.experts = true}},
    Known{"gpt-oss", make_gpt_oss, {.experts = true, .windows = true}},
    Known{"gpt2", make_gpt2, {.layer_norm_epsilon = true, .unrotated = true}},
    Known{"granite", make_granite, {.experts = true, .scaled_residuals = true}},
    Known{"granitemoe", make_granite, {.experts = true, .scaled_residuals = true}},
    Known{"hunyuan-dense", make_hunyuan, {.experts = true}},
    Known{"hunyuan-moe", make_hunyuan, {.experts = true}},
    Known{"internlm2", make_llama, {.experts = true}},
    Known{"llama", make_llama, {.experts = true}},
    Known{"llama4",
          make_llama4,
          {.experts = true, .windows = true, .scaled_queries = true, .stepped_experts = true}},
    Known{"minimax-m2", make_minimax_m2, {.experts = true}},
    Known{"mistral3", make_mistral3, {.experts = true, .scaled_queries = true}},
    Known{"olmo2", make_olmo2, {.windows = true}},
    Known{"olmoe", make_olmoe, {.experts = true}},
    Known{"phi3", make_phi3, {.windows = true, .factors_by_length = true}},
    Known{"phimoe", make_phimoe, {.experts = true, .factors_by_length = true}},
    Known{"qwen2", make_qwen2, {.experts = true}},
    Known{"qwen2moe", make_qwen2moe, {.experts = true}},
    Known{"qwen3", make_qwen3, {.experts = true}},
    Known{"qwen3moe", make_qwen3, {.experts = true}},
    Known{"qwen3next", make_qwen3next, {.experts = true, .recurrent = true}},
    Known{"seed_oss", make_seed_oss, {.experts = true}},
    Known{"smollm3", make_smollm3, {.experts = true}},
    Known{"stablelm", make_stablelm, {.layer_norm_epsilon = true}},
    Known{"starcoder2", make_starcoder2, {.layer_norm_epsilon = true}},
};

const Known* find_known(std::string_view architecture) {
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const Known& family) { return family.architecture == architecture; });
  return found == known.end() ? nullptr : &*found;
}

/// What the file says of kinds of layers that the family has not is not merely of no use: partition, memory
/// and caches go by it. Nor would a rotation without the factors that it should have be the model's.
void check_kinds(const FamilyTraits& traits, const Config& config) {
  const auto refuse = [&](bool has_it, bool is_there, std::string_view key, std::string_view what) {
    require(!is_there || has_it, "{}{}.{} is there, but models of this family have no {}", config.where,
            config.architecture, key, what);
  };
  const bool has_experts = std::any_of(config.layers.begin(), config.layers.end(),
                                       [](const LayerConfig& layer) { return layer.n_experts > 0; });
  refuse(traits.experts, has_experts, "expert_count", "experts");
  refuse(traits.latents, config.latent.kv_rank > 0, "attention.kv_lora_rank", "latent attention");
  refuse(traits.recurrent, config.delta.k_heads > 0, "ssm.group_count", "recurrent layers");
  require(traits.factors_by_length || config.rope.scaling != RopeScaling::longrope,
          "{}{}.rope.scaling.type is 'longrope', but models of this family have no such factors",
          config.where, config.architecture);
}

}  // namespace

ops::Heads local_heads(const Config& config, const Partition& partition, int layer, int rank) {
  const Range heads = partition.range(Space::heads, layer, rank);
  const Range kv_heads = partition.range(Space::kv_heads, layer, rank);
  const std::int64_t latent = config.latent.kv_rank;
  if (config.layers[layer].recurrent) return {.k_dim = config.k_dim, .v_dim = config.v_dim};
  return {.n_heads = heads.size(),
          .n_kv_heads = kv_heads.size(),
          .first_head = heads.begin,
          .first_kv_head = kv_heads.begin,
          .group = config.layers[layer].group(),
          .k_dim = latent > 0 ? latent + config.rope.dims : config.k_dim,
          .v_dim = latent > 0 ? latent : config.v_dim,
          .keys_hold_values = latent > 0};
}

ops::DeltaHeads local_delta_heads(const Config& config, const Partition& partition, int layer, int rank) {
  return {.n_k_heads = partition.range(Space::delta, layer, rank).size(),
          .group = config.delta.group,
          .k_dim = config.delta.k_dim,
          .v_dim = config.delta.v_dim};
}

void check_architecture(std::string_view architecture, std::string_view where) {
  if (find_known(architecture) != nullptr) return;
  std::vector<std::string_view> names;
  for (const Known& family : known) names.push_back(family.architecture);
  fail("{}the model's architecture is '{}', which is not supported; the nearest name that is: '{}', of {}",
       where, architecture, nearest_name(architecture, names), fmt::join(names, ", "));
}

const FamilyTraits& traits_of(std::string_view architecture) {
  const Known* const family = find_known(architecture);
  assert(family != nullptr);
  return family->traits;
}

std::unique_ptr<Family> make_family(const Config& config) {
  check_architecture(config.architecture, "");
  const Known& family = *find_known(config.architecture);
  check_kinds(family.traits, config);
  return family.make(config);
}

}  // namespace yoke::model
