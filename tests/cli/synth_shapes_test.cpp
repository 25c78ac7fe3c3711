#include "cli/synth_shapes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

#include "model/family.h"
#include "model/tensors.h"

namespace yoke::cli {
namespace {

/// Weights of all matrices and vectors that a family cannot do without.
double billions(const std::string& shape, const std::string& family) {
  double total = 0;
  std::set<std::string> counted;  // several entries may take rows of one tensor
  for (const model::TensorEntry& entry : model::make_family(config_of_shape(shape, family))->tensors()) {
    if (entry.optional || !counted.insert(entry.name).second) continue;
    double values = 1;
    for (const std::int64_t size : entry.shape) values *= static_cast<double>(size);
    total += values;
  }
  return total / 1e9;
}

TEST(SynthShapes, HaveAsManyWeightsAsTheModelsTheyAreNamedAfter) {
  EXPECT_NEAR(billions("8b", "llama"), 8.03, 0.01);
  EXPECT_NEAR(billions("70b", "llama"), 70.55, 0.01);
  EXPECT_NEAR(billions("405b", "llama"), 405.85, 0.01);
  EXPECT_NEAR(billions("30b-a3b", "qwen3moe"), 30.53, 0.01);
  EXPECT_NEAR(billions("80b-a3b", "qwen3next"), 79.67, 0.01);  // but for a draft layer
  EXPECT_NEAR(billions("120b", "gpt-oss"), 116.83, 0.01);
  EXPECT_NEAR(billions("671b", "deepseek2"), 671.03, 0.01);
  EXPECT_NEAR(billions("1t", "deepseek2"), 1026.5, 0.5);
}

TEST(SynthShapes, SuitTheFamiliesTheyAreMadeFor) {
  for (const std::string& shape : synth_shapes()) {
    const model::Config config = config_of_shape(shape, "llama");
    EXPECT_FALSE(config.layers.empty()) << shape;
    EXPECT_EQ(config.layers[0].n_heads % config.layers[0].n_kv_heads, 0) << shape;
  }
}

}  // namespace
}  // namespace yoke::cli
