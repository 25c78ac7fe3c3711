#include "model/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace yoke::model
