#include "cli/synth_shapes.h"

#include <algorithm>
#include <array>

namespace yoke::cli {
namespace {

struct Shape {
  std::string_view name;
  std::int64_t layers, dim, ffn, heads, kv_heads, head_dim, vocabulary, context;
  std::int64_t experts = 0, used = 0, expert_ffn = 0;
  std::int64_t window = 0;
  double rope_base = 500'000;
  // Of DeepSeek's kind: `head_dim` is what of a key is not rotated, and a value.
  std::int64_t dense_layers = 0, shared_ffn = 0, groups = 1, groups_used = 1, kv_rank = 0, q_rank = 0,
               rope_dims = 0;
  double yarn_factor = 1, weights_scale = 1;
  // Of Qwen3-Next's kind: three of four layers are recurrent.
  std::int64_t delta_k_heads = 0, delta_group = 0, delta_head_dim = 0;
};

constexpr std::int64_t llama3_vocabulary = 128'256;

// 8b, 70b and 405b are those of Llama 3.1, 30b-a3b is Qwen3-30B-A3B's, 80b-a3b Qwen3-Next-80B-A3B's, 120b
// gpt-oss-120b's, 671b DeepSeek-R1's and 1t Kimi K2's.
constexpr std::array shapes = {
    Shape{"tiny", 4, 256, 768, 8, 4, 32, 2048, 512},
    Shape{"tiny-moe", 4, 256, 768, 8, 4, 32, 2048, 512, 8, 2, 192, 128},
    Shape{"1.5b", 16, 2048, 8192, 32, 8, 64, llama3_vocabulary, 4096},
    Shape{"8b", 32, 4096, 14'336, 32, 8, 128, llama3_vocabulary, 131'072},
    Shape{"70b", 80, 8192, 28'672, 64, 8, 128, llama3_vocabulary, 131'072},
    Shape{"405b", 126, 16'384, 53'248, 128, 8, 128, llama3_vocabulary, 131'072},
    Shape{"30b-a3b", 48, 2048, 6144, 32, 4, 128, 151'936, 40'960, 128, 8, 768, 0, 1'000'000},
    Shape{"80b-a3b",  48, 2048, 5120, 16, 2, 256, 151'936, 262'144, 512, 10, 512, 0,
          10'000'000, 0,  512,  1,    1,  0, 0,   64,      1,       1,   16, 2,   128},
    Shape{"120b", 36, 2880, 2880, 64, 8, 64, 201'088, 131'072, 128, 4, 2880, 128, 150'000},
    Shape{"671b", 61,     7168, 18'432, 128, 1, 128, 129'280, 163'840, 256, 8,  2048,
          0,      10'000, 3,    2048,   8,   4, 512, 1536,    64,      40,  2.5},
    Shape{"1t", 61,     7168, 18'432, 64, 1, 128, 163'840, 131'072, 384, 8,    2048,
          0,    50'000, 1,    2048,   1,  1, 512, 1536,    64,      32,  2.827},
};

/// Attention to latents, and routing as DeepSeek V3 does it.
void make_latent(const Shape& shape, model::Config& config) {
  config.latent = {.kv_rank = shape.kv_rank, .q_rank = shape.q_rank, .joined = false};
  config.k_dim = shape.head_dim + shape.rope_dims;
  config.rope.dims = shape.rope_dims;
  config.rope.at_end = true;
  config.rope.scaling = model::RopeScaling::yarn;
  config.rope.factor = shape.yarn_factor;
  config.rope.original_context = 4096;
  config.rope.log_multiplier = 0.1;
  config.experts.probability = ops::RouteSpec::Probability::sigmoid;
  config.experts.normalised = true;
  config.experts.scale = static_cast<float>(shape.weights_scale);
  config.experts.groups = shape.groups;
  config.experts.groups_used = shape.groups_used;
}

/// All layers but every fourth recurrent, and rotated dimensions in front of the others.
void make_recurrent(const Shape& shape, model::Config& config) {
  config.rope.dims = shape.rope_dims;
  config.delta.k_heads = shape.delta_k_heads;
  config.delta.group = shape.delta_group;
  config.delta.k_dim = config.delta.v_dim = shape.delta_head_dim;
  config.delta.taps = 4;
  for (std::int64_t i = 0; i < config.n_layers(); ++i) config.layers[i].recurrent = (i + 1) % 4 != 0;
}

}  // namespace

std::vector<std::string> synth_shapes() {
  std::vector<std::string> names;
  for (const Shape& shape : shapes) names.emplace_back(shape.name);
  return names;
}

model::Config config_of_shape(std::string_view name, const std::string& family) {
  const Shape& shape =
      *std::find_if(shapes.begin(), shapes.end(), [&](const Shape& known) { return known.name == name; });
  model::Config config;
  config.architecture = family;
  config.dim = shape.dim;
  config.vocabulary = shape.vocabulary;
  config.context = shape.context;
  config.k_dim = config.v_dim = shape.head_dim;
  config.norm_epsilon = 1e-5f;
  config.rope.dims = shape.head_dim;
  config.rope.base = shape.rope_base;
  config.window = shape.window;
  config.experts.used = shape.used;
  config.experts.ffn_dim = shape.expert_ffn;
  config.layers.assign(static_cast<std::size_t>(shape.layers), {.n_heads = shape.heads,
                                                                .n_kv_heads = shape.kv_heads,
                                                                .ffn_dim = shape.ffn,
                                                                .n_experts = shape.experts});
  for (std::int64_t i = 0; i < shape.dense_layers; ++i) config.layers[i].n_experts = 0;
  config.experts.shared_dim = shape.shared_ffn;
  if (shape.kv_rank > 0) make_latent(shape, config);
  if (shape.delta_k_heads > 0) make_recurrent(shape, config);
  return config;
}

}  // namespace yoke::cli
