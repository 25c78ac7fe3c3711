#include "model/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>

#include "model/edited_model.h"

namespace yoke::model {
namespace {

std::vector<std::string> names(const std::string& model, bool optional) {
  std::vector<std::string> result;
  const Config config = read_config(gguf::Model::open(tiny_model(model)));
  for (const TensorEntry& entry : make_family(config)->tensors()) {
    if (entry.optional == optional) result.push_back(entry.name);
  }
  return result;
}

TEST(Family, OfQwen2NeedsTheBiasesThatOthersMayHave) {
  for (const char* bias : {"blk.0.attn_q.bias", "blk.1.attn_k.bias", "blk.2.attn_v.bias"}) {
    EXPECT_THAT(names("qwen2", /*optional=*/false), testing::Contains(bias));
    EXPECT_THAT(names("llama", /*optional=*/true), testing::Contains(bias));
  }
  EXPECT_THAT(names("qwen2", /*optional=*/true), testing::Contains("blk.0.attn_output.bias"));
}
TEST(Family, OfLlamaAloneReadsFactorsOfTheRotation) {
  EXPECT_THAT(names("llama", /*optional=*/true), testing::Contains("rope_freqs.weight"));
  for (const char* family : {"qwen2", "qwen3"}) {
    EXPECT_THAT(names(family, /*optional=*/true), testing::Not(testing::Contains("rope_freqs.weight")));
  }
}

/// What is said of `model` with these counts in its metadata.
std::string family_error(const std::string& model, const std::map<std::string, std::uint64_t>& counts) {
  const EditedModel edited(
      [&](Draft& draft) {
        for (const auto& [key, count] : counts) draft.metadata.set(key, count);
      },
      model);
  return error_of([&] { make_family(read_config(edited.open())); });
}

TEST(Family, RefusesKindsOfLayersThatItsModelsDoNotHave) {
  EXPECT_THAT(
      family_error("llama", {{"llama.attention.kv_lora_rank", 128}, {"llama.rope.dimension_count", 16}}),
      testing::HasSubstr(".gguf: llama.attention.kv_lora_rank is there, but models of this family have "
                         "no latent attention"));
  EXPECT_THAT(family_error("llama", {{"llama.ssm.group_count", 4},
                                     {"llama.ssm.state_size", 16},
                                     {"llama.ssm.conv_kernel", 4},
                                     {"llama.ssm.time_step_rank", 8},
                                     {"llama.ssm.inner_size", 128}}),
              testing::HasSubstr(".gguf: llama.ssm.group_count is there, but models of this family have no "
                                 "recurrent layers"));
  // So many that to share them out would take days.
  EXPECT_THAT(
      family_error("gemma2", {{"gemma2.expert_count", 1 << 30}, {"gemma2.expert_used_count", 1 << 30}}),
      testing::HasSubstr(".gguf: gemma2.expert_count is there, but models of this family have no experts"));
}

TEST(Family, OfQwen3NextNamesTheFileThatLacksWhatItNeeds) {
  const auto lacking = [](const char* key) {
    const EditedModel edited(
        [&](Draft& draft) {
          gguf::Metadata rest;
          for (const auto& [name, value] : draft.metadata.all()) {
            if (name != key) rest.set(name, value);
          }
          draft.metadata = rest;
        },
        "qwen3next");
    return error_of([&] { make_family(read_config(edited.open())); });
  };
  EXPECT_THAT(lacking("qwen3next.ssm.group_count"), testing::HasSubstr(".gguf: this qwen3next model"));
}

}  // namespace
}  // namespace yoke::model
