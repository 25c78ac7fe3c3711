#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "model/config_metadata.h"
#include "model/edited_model.h"
#include "model/family.h"

namespace yoke::model {
namespace {

using testing::HasSubstr;

std::string config_error(const std::function<void(gguf::Metadata&)>& edit) {
  const EditedModel model([&](Draft& draft) { edit(draft.metadata); });
  return error_of([&] { read_config(model.open()); });
}

TEST(Config, ReadsWhatTheMetadataSays) {
  const Config config = read_config(gguf::Model::open(tiny_model("llama")));
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.dim, 128);
  EXPECT_EQ(config.vocabulary, 320);
  EXPECT_EQ(config.context, 512);
  EXPECT_EQ(config.n_layers(), 3);
  EXPECT_EQ(config.layers[2].n_heads, 8);
  EXPECT_EQ(config.layers[2].group(), 2);
  EXPECT_EQ(config.layers[2].ffn_dim, 256);
  EXPECT_EQ(config.k_dim, 32);
  EXPECT_EQ(config.rope.dims, 32);
}

TEST(Config, HeadSizeDefaultsToTheWidthOverTheHeads) {
  const Config config = read_config(gguf::Model::open(std::filesystem::path(YOKE_MODELS) / "demo.gguf"));
  EXPECT_EQ(config.k_dim, 32);
  EXPECT_EQ(config.v_dim, 32);
}

TEST(Config, HyperparametersMayBeArraysOfOneValuePerLayer) {
  const EditedModel model([](Draft& draft) {
    draft.metadata.set("llama.attention.head_count_kv", std::vector<std::uint64_t>{4, 2, 8});
  });
  const Config config = read_config(model.open());
  EXPECT_EQ(config.layers[0].n_kv_heads, 4);
  EXPECT_EQ(config.layers[1].n_kv_heads, 2);
  EXPECT_EQ(config.layers[2].n_kv_heads, 8);
}

TEST(Config, RefusesWhatCannotBe) {
  const auto set = [](const char* key, gguf::Value value) {
    return config_error([&](gguf::Metadata& metadata) { metadata.set(key, value); });
  };
  using Unsigned = std::uint64_t;
  EXPECT_THAT(set("llama.block_count", Unsigned{0}), HasSubstr("llama.block_count is 0"));
  EXPECT_THAT(set("llama.block_count", Unsigned{4'000'000'000}),
              HasSubstr("llama.block_count is 4000000000"));
  EXPECT_THAT(set("llama.context_length", Unsigned{4'294'967'295}),
              HasSubstr("llama.context_length is 4294967295"));
  EXPECT_THAT(set("llama.rope.scaling.factor", -2.0), HasSubstr("llama.rope.scaling.factor is -2"));
  EXPECT_THAT(set("llama.embedding_length", Unsigned{0}), HasSubstr("llama.embedding_length is 0"));
  EXPECT_THAT(set("llama.attention.head_count", Unsigned{7}), HasSubstr("7 heads over 4 KV heads"));
  EXPECT_THAT(set("llama.attention.head_count", std::string("many")),
              HasSubstr("llama.attention.head_count"));
  EXPECT_THAT(set("llama.attention.head_count_kv", std::vector<Unsigned>{4, 4}), HasSubstr("has 2 values"));
  EXPECT_THAT(set("llama.rope.dimension_count", Unsigned{31}), HasSubstr("llama.rope.dimension_count is 31"));
  EXPECT_THAT(set("llama.rope.dimension_count", Unsigned{64}), HasSubstr("llama.rope.dimension_count is 64"));
  EXPECT_THAT(set("llama.rope.freq_base", -1.0), HasSubstr("llama.rope.freq_base is -1"));
  EXPECT_THAT(set("llama.rope.scaling.type", std::string("magic")),
              HasSubstr("'magic'; none, linear and yarn"));
  EXPECT_THAT(set("llama.attn_logit_softcapping", -1.0), HasSubstr("llama.attn_logit_softcapping is -1"));
  EXPECT_THAT(set("llama.attention.temperature_scale", -1.0), HasSubstr("temperature_scale is -1"));
  EXPECT_THAT(set("llama.attention.temperature_length", Unsigned{0}), HasSubstr("temperature_length is 0"));
  EXPECT_THAT(set("llama.attention.layer_norm_rms_epsilon", 0.0), HasSubstr("layer_norm_rms_epsilon is 0"));
  EXPECT_THAT(set("general.architecture", std::string("gpt5")),
              HasSubstr("the model's architecture is 'gpt5', which is not supported; the nearest name that "
                        "is: 'gpt2', of "));
}

TEST(Config, RefusesNumbersThatNothingCanBeComputedWith) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double hostile[] = {
      std::numeric_limits<double>::quiet_NaN(), infinity, -infinity, -1, 1e-45, 1e-30, 1e30};
  for (const char* key :
       {"attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "attention.scale",
        "attn_logit_softcapping", "final_logit_softcapping", "embedding_scale", "residual_scale",
        "logit_scale", "attention.temperature_scale", "rope.freq_base", "rope.scaling.factor",
        "rope.scaling.attn_factor", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
        "rope.scaling.yarn_log_multiplier"}) {
    for (const double value : hostile) {
      const std::string sentence = config_error([&](gguf::Metadata& metadata) {
        metadata.set("llama.rope.scaling.type", std::string("yarn"));
        metadata.set(std::string("llama.") + key, value);
      });
      EXPECT_THAT(sentence, testing::ContainsRegex(fmt::format("\\.gguf: llama\\.{} is .*; expected a number "
                                                               "from",
                                                               key)))
          << value;
    }
  }
}

TEST(Config, RefusesBasesWhosePowersDoNotGrow) {
  for (const double base : {0.0, 0.5, 1.0}) {
    EXPECT_THAT(config_error([&](gguf::Metadata& metadata) { metadata.set("llama.rope.freq_base", base); }),
                HasSubstr(fmt::format("llama.rope.freq_base is {}; expected a number from 2 to ", base)));
  }
}

TEST(Config, AFactorWithoutATypeIsLinearScaling) {
  for (const char* key : {"llama.rope.scaling.factor", "llama.rope.scale_linear"}) {
    const EditedModel model([&](Draft& draft) { draft.metadata.set(key, 4.0); });
    const Config config = read_config(model.open());
    EXPECT_EQ(config.rope.scaling, RopeScaling::linear) << key;
    EXPECT_EQ(config.rope.factor, 4) << key;
  }
  const EditedModel none([](Draft& draft) { draft.metadata.set("llama.rope.scaling.factor", 0.0); });
  EXPECT_EQ(read_config(none.open()).rope.factor, 1);
}

TEST(Config, YarnStretchesTheContextUnlessAnotherIsNamed) {
  const EditedModel model([](Draft& draft) {
    draft.metadata.set("llama.rope.scaling.type", std::string("yarn"));
    draft.metadata.set("llama.rope.scaling.factor", 8.0);
  });
  const Config config = read_config(model.open());
  EXPECT_EQ(config.rope.scaling, RopeScaling::yarn);
  EXPECT_EQ(config.rope.factor, 8);
  EXPECT_EQ(config.rope.original_context, 512);
}

TEST(Config, QueriesGrowWithLengthsOfTheOriginalContextUnlessAnotherIsNamed) {
  EXPECT_EQ(read_config(gguf::Model::open(tiny_model("llama"))).query_scale.slope, 0);
  const auto read = [](std::uint64_t length) {
    const EditedModel model([&](Draft& draft) {
      draft.metadata.set("llama.attention.temperature_scale", 0.5);
      draft.metadata.set("llama.rope.scaling.original_context_length", std::uint64_t{64});
      if (length > 0) draft.metadata.set("llama.attention.temperature_length", length);
    });
    return read_config(model.open()).query_scale;
  };
  EXPECT_EQ(read(0).slope, 0.5);
  EXPECT_EQ(read(0).length, 64);
  EXPECT_EQ(read(16).length, 16);
}

TEST(Config, SharedExpertsAreAsWideAsTheirMatricesWhereTheFileDoesNotSay) {
  const gguf::Model file = gguf::Model::open(tiny_model("llama4"));
  EXPECT_FALSE(file.metadata().has("llama4.expert_shared_feed_forward_length"));
  EXPECT_EQ(read_config(file).experts.shared_dim, 128);
  EXPECT_EQ(read_config(gguf::Model::open(tiny_model("mixtral"))).experts.shared_dim, 0);
}

TEST(Config, RefusesAFileWithoutAnEmbedding) {
  const EditedModel model([](Draft& draft) { draft.remove("token_embd.weight"); });
  EXPECT_THAT(error_of([&] { read_config(model.open()); }), HasSubstr("token_embd.weight"));
}

TEST(Config, ItsMetadataReadBackAreTheSameConfig) {
  // The tiny llama with everything in its metadata that it can hold.
  Config config = read_config(gguf::Model::open(tiny_model("llama")));
  config.layers[1] = {4, 2, 192};
  config.k_dim = 24;
  config.rope = {20, 5000, RopeScaling::yarn, 8, 64, 0.5, 16, 2};
  config.rope.finetuned = false;
  config.score_cap = 50;
  config.logit_cap = 30;
  config.query_scale = {.slope = 0.25, .length = 100};
  const EditedModel model([&](Draft& draft) { draft.metadata = config_metadata(config); });
  const Config read = read_config(model.open());
  EXPECT_EQ(read.architecture, "llama");
  EXPECT_EQ(read.dim, config.dim);
  EXPECT_EQ(read.context, config.context);
  EXPECT_EQ(read.k_dim, 24);
  EXPECT_EQ(read.v_dim, config.v_dim);
  EXPECT_EQ(read.norm_epsilon, config.norm_epsilon);
  ASSERT_EQ(read.n_layers(), 3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read.layers[i].n_heads, config.layers[i].n_heads);
    EXPECT_EQ(read.layers[i].n_kv_heads, config.layers[i].n_kv_heads);
    EXPECT_EQ(read.layers[i].ffn_dim, config.layers[i].ffn_dim);
  }
  EXPECT_EQ(read.rope.dims, 20);
  EXPECT_EQ(read.rope.base, 5000);
  EXPECT_EQ(read.rope.scaling, RopeScaling::yarn);
  EXPECT_EQ(read.rope.factor, 8);
  EXPECT_EQ(read.rope.original_context, 64);
  EXPECT_EQ(read.rope.attention_factor, 0.5);
  EXPECT_EQ(read.rope.beta_fast, 16);
  EXPECT_EQ(read.rope.beta_slow, 2);
  EXPECT_FALSE(read.rope.finetuned);
  EXPECT_EQ(read.score_cap, 50);
  EXPECT_EQ(read.logit_cap, 30);
  EXPECT_EQ(read.query_scale.slope, 0.25);
  EXPECT_EQ(read.query_scale.length, 100);
}

TEST(Config, OfLatentAttentionHasTheSizesOfHeadsThatLatentsMake) {
  const Config config = read_config(gguf::Model::open(tiny_model("deepseek2")));
  EXPECT_EQ(config.latent.kv_rank, 128);
  EXPECT_EQ(config.latent.q_rank, 64);
  EXPECT_FALSE(config.latent.joined);
  EXPECT_EQ(config.k_dim, 48);
  EXPECT_EQ(config.v_dim, 32);
  EXPECT_EQ(config.layers[1].n_kv_heads, 1);
  EXPECT_EQ(config.rope.dims, 16);
  EXPECT_TRUE(config.rope.at_end);
  EXPECT_EQ(config.rope.log_multiplier, static_cast<double>(0.1f));
}

TEST(Config, OfLatentAttentionIsReadBackFromItsMetadata) {
  const Config config = read_config(gguf::Model::open(tiny_model("deepseek2")));
  const EditedModel model([&](Draft& draft) { draft.metadata = config_metadata(config); }, "deepseek2");
  const Config read = read_config(model.open());
  EXPECT_EQ(read.latent.kv_rank, 128);
  EXPECT_EQ(read.latent.q_rank, 64);
  EXPECT_EQ(read.k_dim, 48);
  EXPECT_EQ(read.v_dim, 32);
  EXPECT_EQ(read.rope.log_multiplier, config.rope.log_multiplier);
  EXPECT_EQ(read.experts.groups, 4);
}

TEST(Config, RefusesLatentAttentionThatCannotBe) {
  const auto set = [](const char* key, std::uint64_t value) {
    const EditedModel model([&](Draft& draft) { draft.metadata.set(key, value); }, "deepseek2");
    return error_of([&] {
      const Config config = read_config(model.open());
      make_family(config);
    });
  };
  EXPECT_THAT(set("deepseek2.rope.dimension_count", 48),
              HasSubstr("rope.dimension_count is 48; expected less than the head size 48"));
  EXPECT_THAT(set("deepseek2.attention.key_length_mla", 12), HasSubstr("up to the head size 12"));
  EXPECT_THAT(set("deepseek2.attention.kv_lora_rank", 0),
              HasSubstr(".gguf: deepseek2.attention.kv_lora_rank is absent"));
}

TEST(Config, RefusesAFamilyOfExpertsWithoutThemByTheFilesName) {
  const auto refusal = [](const std::string& name) {
    const std::string key = name + ".expert_count";
    const EditedModel model([&](Draft& draft) { draft.metadata.set(key, std::uint64_t{0}); }, name);
    return error_of([&] { make_family(read_config(model.open())); });
  };
  for (const char* name : {"qwen2moe", "olmoe", "minimax-m2", "gpt-oss", "phimoe"})
    EXPECT_THAT(refusal(name),
                HasSubstr(fmt::format(".gguf: layer 0 of this {} model has no experts", name)));
  EXPECT_THAT(refusal("llama4"), HasSubstr(".gguf: this llama4 model has no experts"));
}

}  // namespace
}  // namespace yoke::model
