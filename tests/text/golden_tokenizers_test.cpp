// Tokens that other implementations gave, with the models' real vocabularies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "fixtures.h"
#include "real_vocabularies.h"
#include "text/normal_form.h"
#include "text/tokenizer.h"

namespace yoke::text {
namespace {

struct Example {
  std::string text;
  std::vector<Token> ids;
};

std::vector<Example> golden(const std::string& name) {
  std::ifstream file(std::filesystem::path(YOKE_TEST_DATA) / "tokenizers" / (name + ".json"));
  std::vector<Example> examples;
  for (const auto& entry : nlohmann::json::parse(file))
    examples.push_back({entry.at("text"), entry.at("ids")});
  return examples;
}

/// What a model's own tokenizer files say.
struct Model {
  const char* name;
  bool normalises;  // to NFC
  bool adds_bos, adds_space;
  std::vector<std::string> ends;  // what a model's answer may end with
  bool spells_every_byte = true;  // SmolLM2's vocabulary lacks 21 of the 256
  friend std::ostream& operator<<(std::ostream& out, const Model& model) { return out << model.name; }
};

class GoldenTokenizer : public testing::TestWithParam<Model> {
 protected:
  void SetUp() override {
    if (const std::string why = why_vocabulary_is_missing(GetParam().name); !why.empty()) GTEST_SKIP() << why;
    tokenizer_ = &real_tokenizer(GetParam().name);
  }
  /// What a text is to the model.
  std::string seen(const std::string& text) const {
    std::string buffer;
    return GetParam().normalises ? std::string(to_nfc(text, buffer)) : text;
  }
  const Tokenizer* tokenizer_ = nullptr;
};

TEST_P(GoldenTokenizer, GivesTheSameTokens) {
  const std::vector<Example> examples = golden(GetParam().name);
  ASSERT_GT(examples.size(), 50U);
  for (const Example& example : examples)
    EXPECT_EQ(tokenizer_->encode(example.text, Specials::as_text), example.ids)
        << testing::PrintToString(example.text);
}

TEST_P(GoldenTokenizer, GivesBackTheTexts) {
  for (const Example& example : golden(GetParam().name))
    EXPECT_EQ(tokenizer_->decode(example.ids), seen(example.text));
}

TEST_P(GoldenTokenizer, GivesBackAnyText) {
  if (!GetParam().spells_every_byte)
    GTEST_SKIP() << "its vocabulary lacks bytes, and texts with them are refused";
  std::mt19937 random(9);
  for (int round = 0; round < 300; ++round) {
    const std::string text = round % 2 ? random_bytes(random, 100) : random_text(random, awkward_parts(), 40);
    ASSERT_EQ(tokenizer_->decode(tokenizer_->encode(text, Specials::as_text)), seen(text))
        << testing::PrintToString(text);
  }
}

TEST_P(GoldenTokenizer, KnowsHowItsModelStartsAndStops) {
  EXPECT_EQ(tokenizer_->adds_bos(), GetParam().adds_bos);
  EXPECT_EQ(tokenizer_->adds_space(), GetParam().adds_space);
  std::vector<std::string> ends;
  for (Token token = 0; token < tokenizer_->size(); ++token)
    if (tokenizer_->ends_generation(token)) ends.emplace_back(tokenizer_->special_text(token));
  EXPECT_THAT(ends, testing::UnorderedElementsAreArray(GetParam().ends));
}

TEST_P(GoldenTokenizer, ParsesItsSpecialTokensOnRequestOnly) {
  for (const std::string& end : GetParam().ends) {
    const std::vector<Token> parsed = tokenizer_->encode(end, Specials::parse);
    ASSERT_EQ(parsed.size(), 1U) << end;
    EXPECT_TRUE(tokenizer_->ends_generation(parsed[0]));
    EXPECT_GT(tokenizer_->encode(end, Specials::as_text).size(), 1U) << end;
  }
}

TEST(Smollm2Tokenizer, RefusesAByteThatItCannotSpell) {
  if (const std::string why = why_vocabulary_is_missing("smollm2"); !why.empty()) GTEST_SKIP() << why;
  EXPECT_THROW(real_tokenizer("smollm2").encode("a\x04", Specials::as_text), Error);
}

INSTANTIATE_TEST_SUITE_P(
    Of, GoldenTokenizer,
    testing::Values(Model{"gpt2", false, false, false, {"<|endoftext|>"}},
                    Model{"llama3_1", false, true, false, {"<|end_of_text|>", "<|eot_id|>"}},
                    Model{"gptoss", false, false, false, {"<|endoftext|>", "<|return|>", "<|call|>"}},
                    Model{"deepseek_v3", false, true, false, {"<｜end▁of▁sentence｜>"}},
                    Model{"qwen3", true, false, false, {"<|endoftext|>", "<|im_end|>"}},
                    Model{"smollm2", false, false, false, {"<|endoftext|>", "<|im_end|>"}, false},
                    Model{"cl100k", false, false, false, {"<|endoftext|>"}},
                    Model{"tekken", false, true, false, {"</s>"}},
                    Model{"llama2", false, true, true, {"</s>"}},
                    Model{"gemma3", false, true, false, {"<end_of_turn>"}}),
    testing::PrintToStringParamName());

}  // namespace
}  // namespace yoke::text
