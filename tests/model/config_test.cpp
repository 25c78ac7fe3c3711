#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <vector>

#include "model/config_metadata.h"
#include "model/edited_model.h"
#include "model/family.h"

namespace yoke::model {
namespace {

using testing::HasSubstr;

gguf::Metadata without(const gguf::Metadata& metadata, const std::string& key) {
  gguf::Metadata rest;
  for (const auto& [name, value] : metadata.all()) {
    if (name != key) rest.set(name, value);
  }
  return rest;
}

std::string config_error(const std::function<void(gguf::Metadata&)>& edit,
                         const std::string& name = "llama") {
  const EditedModel model([&](Draft& draft) { edit(draft.metadata); }, name);
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
              HasSubstr("'magic'; none, linear, yarn and longrope are supported"));
  EXPECT_THAT(set("llama.attn_logit_softcapping", -1.0), HasSubstr("llama.attn_logit_softcapping is -1"));
  EXPECT_THAT(set("llama.feed_forward_length", Unsigned{0}),
              HasSubstr("llama.feed_forward_length is 0 for layer 0, which has no experts"));
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
        "attn_logit_softcapping", "final_logit_softcapping", "embedding_scale", "logit_scale",
        "rope.freq_base", "rope.scaling.factor", "rope.scaling.attn_factor", "rope.scaling.yarn_beta_fast",
        "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_log_multiplier"}) {
    for (const double value : hostile) {
      const std::string sentence = config_error([&](gguf::Metadata& metadata) {
        metadata.set("llama.rope.scaling.type", std::string("yarn"));
        // Of the two epsilons the other one counts where there is no own one.
        if (key == std::string("attention.layer_norm_epsilon"))
          metadata = without(metadata, "llama.attention.layer_norm_rms_epsilon");
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
  const auto read = [](double slope, std::uint64_t length) {
    const EditedModel model(
        [&](Draft& draft) {
          draft.metadata = without(draft.metadata, "mistral3.attention.temperature_length");
          draft.metadata.set("mistral3.attention.temperature_scale", slope);
          draft.metadata.set("mistral3.rope.scaling.original_context_length", std::uint64_t{64});
          if (length > 0) draft.metadata.set("mistral3.attention.temperature_length", length);
        },
        "mistral3");
    return read_config(model.open()).query_scale;
  };
  EXPECT_EQ(read(0, 0).slope, 0);
  EXPECT_EQ(read(0.5, 0).slope, 0.5);
  EXPECT_EQ(read(0.5, 0).length, 64);
  EXPECT_EQ(read(0.5, 16).length, 16);
}

TEST(Config, ChecksKeysInFamiliesThatUseThem) {
  const auto set = [](const std::string& family, const char* key, const gguf::Value& value) {
    return config_error([&](gguf::Metadata& metadata) { metadata.set(family + "." + key, value); }, family);
  };
  constexpr std::uint64_t none = 0;
  EXPECT_THAT(set("mistral3", "attention.temperature_scale", -1.0), HasSubstr("temperature_scale is -1"));
  EXPECT_THAT(set("mistral3", "attention.temperature_length", none), HasSubstr("temperature_length is 0"));
  EXPECT_THAT(set("llama4", "interleave_moe_layer_step", none), HasSubstr("interleave_moe_layer_step is 0"));
  EXPECT_THAT(set("granite", "residual_scale", -1.0), HasSubstr("residual_scale is -1"));
  EXPECT_THAT(set("gemma3", "attention.sliding_window", std::int64_t{-1}),
              HasSubstr("gemma3.attention.sliding_window"));
  EXPECT_THAT(set("stablelm", "attention.layer_norm_epsilon", 0.0), HasSubstr("layer_norm_epsilon is 0"));
  EXPECT_THAT(set("phi3", "rope.scaling.original_context_length", none),
              HasSubstr("original_context_length is 0"));
}

/// Keys as programs write them into files whatever the family, by the family that does not use them.
struct Meaningless {
  const char* model;
  std::map<std::string, gguf::Value> keys;
};

std::vector<Meaningless> meaningless_keys() {
  const gguf::Value none = std::uint64_t{0}, zero = 0.0, below = std::int64_t{-1};
  const std::map<std::string, gguf::Value> of_llama = {{"attention.layer_norm_epsilon", zero},
                                                       {"interleave_moe_layer_step", none},
                                                       {"expert_count", none},
                                                       {"expert_used_count", none},
                                                       {"expert_feed_forward_length", none},
                                                       {"expert_shared_feed_forward_length", none},
                                                       {"expert_shared_count", none},
                                                       {"expert_group_count", none},
                                                       {"expert_group_used_count", none},
                                                       {"expert_gating_func", none},
                                                       {"expert_weights_scale", zero},
                                                       {"leading_dense_block_count", none},
                                                       {"nextn_predict_layers", none},
                                                       {"attention.temperature_scale", zero},
                                                       {"attention.temperature_length", none},
                                                       {"attention.sliding_window", below},
                                                       {"attention.kv_lora_rank", none},
                                                       {"attention.q_lora_rank", none},
                                                       {"attention.key_length_mla", none},
                                                       {"attention.value_length_mla", none},
                                                       {"ssm.group_count", none},
                                                       {"ssm.state_size", none},
                                                       {"ssm.conv_kernel", none},
                                                       {"ssm.time_step_rank", none},
                                                       {"ssm.inner_size", none},
                                                       {"full_attention_interval", none},
                                                       {"attn_logit_softcapping", zero},
                                                       {"final_logit_softcapping", zero},
                                                       {"residual_scale", zero},
                                                       {"embedding_scale", zero},
                                                       {"logit_scale", zero},
                                                       {"attention.scale", zero},
                                                       {"rope.scaling.factor", zero},
                                                       {"rope.scaling.attn_factor", zero},
                                                       {"rope.scaling.original_context_length", none},
                                                       {"rope.scaling.yarn_beta_fast", zero},
                                                       {"rope.scaling.yarn_beta_slow", zero},
                                                       {"rope.scaling.yarn_log_multiplier", zero}};
  const std::map<std::string, gguf::Value> of_experts = {{"interleave_moe_layer_step", none},
                                                         {"expert_shared_feed_forward_length", none},
                                                         {"expert_shared_count", none},
                                                         {"expert_group_count", std::uint64_t{1}},
                                                         {"expert_group_used_count", none}};
  return {{"llama", of_llama},
          {"mixtral", of_experts},
          {"qwen3moe", of_experts},
          {"qwen3moe", {{"feed_forward_length", none}}},
          {"llama4", {{"expert_shared_feed_forward_length", none}, {"expert_shared_count", none}}},
          {"deepseek2",
           {{"expert_shared_feed_forward_length", none},
            {"interleave_moe_layer_step", none},
            {"attention.key_length", none},
            {"attention.value_length", none},
            {"attention.head_count_kv", none},
            {"attention.layer_norm_epsilon", zero}}},
          {"stablelm", {{"attention.layer_norm_rms_epsilon", zero}}},
          {"cohere2", {{"attention.layer_norm_rms_epsilon", zero}}},
          {"gpt2",
           {{"rope.dimension_count", none},
            {"rope.freq_base", zero},
            {"rope.scaling.factor", zero},
            {"rope.scaling.type", std::string("longrope")},
            {"attention.layer_norm_rms_epsilon", zero}}}};
}

TEST(Config, LooksAtNoKeyThatItsFamilyDoesNotUse) {
  const std::vector<std::int32_t> tokens = {1, 2, 3, 4, 5};
  for (const auto& [name, keys] : meaningless_keys()) {
    const std::string architecture = name == std::string("mixtral") ? "llama" : name;
    const auto logits = [&](const std::filesystem::path& path) {
      return run_batches(path, 1, in_chunks(tokens, tokens.size()), 1, equal_shares(1));
    };
    const EditedModel model(
        [&](Draft& draft) {
          for (const auto& [key, value] : keys) draft.metadata.set(architecture + "." + key, value);
        },
        name);
    EXPECT_TRUE(same_bits(logits(model.path()), logits(tiny_model(name)))) << name;
  }
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
}

TEST(Config, WhatFewFamiliesHaveIsReadBackFromTheirMetadata) {
  const auto read_back = [](const std::string& name, const std::function<void(Config&)>& edit) {
    Config config = read_config(gguf::Model::open(tiny_model(name)));
    edit(config);
    const EditedModel model([&](Draft& draft) { draft.metadata = config_metadata(config); }, name);
    return read_config(model.open());
  };
  const Config growing =
      read_back("mistral3", [](Config& config) { config.query_scale = {.slope = 0.25, .length = 100}; });
  EXPECT_EQ(growing.query_scale.slope, 0.25);
  EXPECT_EQ(growing.query_scale.length, 100);
  const Config by_length =
      read_back("phi3-long", [](Config& config) { config.rope.scaling = RopeScaling::longrope; });
  EXPECT_EQ(by_length.rope.scaling, RopeScaling::longrope);
  EXPECT_EQ(by_length.rope.original_context, 32);
  EXPECT_EQ(by_length.rope.attention_factor, static_cast<double>(1.19f));
  EXPECT_EQ(read_back("gemma3", [](Config& config) { config.window = 9; }).window, 9);
  EXPECT_EQ(read_back("gpt2", [](Config& config) { config.norm_epsilon = 0.25f; }).norm_epsilon, 0.25f);
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
