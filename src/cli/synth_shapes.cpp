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
};

constexpr std::int64_t llama3_vocabulary = 128'256;

// 8b, 70b and 405b are those of Llama 3.1, 30b-a3b is Qwen3-30B-A3B's, 120b gpt-oss-120b's.
constexpr std::array shapes = {
    Shape{"tiny", 4, 256, 768, 8, 4, 32, 2048, 512},
    Shape{"tiny-moe", 4, 256, 768, 8, 4, 32, 2048, 512, 8, 2, 192, 128},
    Shape{"1.5b", 16, 2048, 8192, 32, 8, 64, llama3_vocabulary, 4096},
    Shape{"8b", 32, 4096, 14'336, 32, 8, 128, llama3_vocabulary, 131'072},
    Shape{"70b", 80, 8192, 28'672, 64, 8, 128, llama3_vocabulary, 131'072},
    Shape{"405b", 126, 16'384, 53'248, 128, 8, 128, llama3_vocabulary, 131'072},
    Shape{"30b-a3b", 48, 2048, 6144, 32, 4, 128, 151'936, 40'960, 128, 8, 768, 0, 1'000'000},
    Shape{"120b", 36, 2880, 2880, 64, 8, 64, 201'088, 131'072, 128, 4, 2880, 128, 150'000},
};

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
  return config;
}

}  // namespace yoke::cli
