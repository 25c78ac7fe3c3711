#include "model/family.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "model/families/llama.h"
#include "model/families/qwen2.h"
#include "model/families/qwen3.h"

namespace yoke::model {
namespace {

struct Known {
  std::string_view architecture;
  std::unique_ptr<Family> (*make)(const Config&);
};
constexpr std::array known{
    Known{"llama", make_llama},
    Known{"qwen2", make_qwen2},
    Known{"qwen3", make_qwen3},
    Known{"qwen3moe", make_qwen3},
};

const Known* find_known(std::string_view architecture) {
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const Known& family) { return family.architecture == architecture; });
  return found == known.end() ? nullptr : &*found;
}

}  // namespace

ops::Heads local_heads(const Config& config, const Partition& partition, int layer, int rank) {
  const Range heads = partition.range(Space::heads, layer, rank);
  const Range kv_heads = partition.range(Space::kv_heads, layer, rank);
  return {heads.size(), kv_heads.size(), heads.begin, kv_heads.begin, config.layers[layer].group(),
          config.k_dim, config.v_dim};
}

void check_architecture(std::string_view architecture, std::string_view where) {
  if (find_known(architecture) != nullptr) return;
  std::vector<std::string_view> names;
  for (const Known& family : known) names.push_back(family.architecture);
  fail("{}the model's architecture is '{}', which is not supported; supported: {}", where, architecture,
       fmt::join(names, ", "));
}

std::unique_ptr<Family> make_family(const Config& config) {
  check_architecture(config.architecture, "");
  return find_known(config.architecture)->make(config);
}

}  // namespace yoke::model
