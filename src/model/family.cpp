#include "model/family.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
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

/// What some layers of a family may have in the place of dense blocks, and of attention of plain heads.
enum Kinds : unsigned { dense = 0, experts = 1, latents = 2, recurrent = 4 };

struct Known {
  std::string_view architecture;
  std::unique_ptr<Family> (*make)(Config);
  unsigned kinds = dense;
};
constexpr std::array known{
    Known{"bailingmoe2", make_bailingmoe2, experts},
    Known{"cohere2", make_cohere2},
    Known{"command-r", make_command_r},
    Known{"deepseek2", make_deepseek2, experts | latents},
    Known{"dots1", make_dots1, experts},
    Known{"ernie4_5", make_llama, experts},
    Known{"ernie4_5-moe", make_llama, experts},
    Known{"exaone4", make_exaone4},
    Known{"gemma2", make_gemma2},
    Known{"gemma3", make_gemma3},
    Known{"glm4", make_glm4},
    Known{"glm4moe", make_glm4moe, experts},
    Known{"gpt-oss", make_gpt_oss, experts},
    Known{"gpt2", make_gpt2},
    Known{"granite", make_granite, experts},
    Known{"granitemoe", make_granite, experts},
    Known{"hunyuan-dense", make_hunyuan, experts},
    Known{"hunyuan-moe", make_hunyuan, experts},
    Known{"internlm2", make_llama, experts},
    Known{"llama", make_llama, experts},
    Known{"llama4", make_llama4, experts},
    Known{"minimax-m2", make_minimax_m2, experts},
    Known{"mistral3", make_mistral3, experts},
    Known{"olmo2", make_olmo2},
    Known{"olmoe", make_olmoe, experts},
    Known{"phi3", make_phi3},
    Known{"phimoe", make_phimoe, experts},
    Known{"qwen2", make_qwen2, experts},
    Known{"qwen2moe", make_qwen2moe, experts},
    Known{"qwen3", make_qwen3, experts},
    Known{"qwen3moe", make_qwen3, experts},
    Known{"qwen3next", make_qwen3next, experts | recurrent},
    Known{"seed_oss", make_seed_oss, experts},
    Known{"smollm3", make_smollm3, experts},
    Known{"stablelm", make_stablelm},
    Known{"starcoder2", make_starcoder2},
};

const Known* find_known(std::string_view architecture) {
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const Known& family) { return family.architecture == architecture; });
  return found == known.end() ? nullptr : &*found;
}

/// What the file says of kinds of layers that the family has not is not merely of no use: partition, memory
/// and caches go by it.
void check_kinds(const Known& family, const Config& config) {
  const auto refuse = [&](Kinds kind, bool is_there, std::string_view key, std::string_view what) {
    require(!is_there || (family.kinds & kind) != 0, "{}{}.{} is there, but models of this family have no {}",
            config.where, config.architecture, key, what);
  };
  const bool has_experts = std::any_of(config.layers.begin(), config.layers.end(),
                                       [](const LayerConfig& layer) { return layer.n_experts > 0; });
  refuse(experts, has_experts, "expert_count", "experts");
  refuse(latents, config.latent.kv_rank > 0, "attention.kv_lora_rank", "latent attention");
  refuse(recurrent, config.delta.k_heads > 0, "ssm.group_count", "recurrent layers");
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

std::unique_ptr<Family> make_family(const Config& config) {
  check_architecture(config.architecture, "");
  const Known& family = *find_known(config.architecture);
  check_kinds(family, config);
  return family.make(config);
}

}  // namespace yoke::model
