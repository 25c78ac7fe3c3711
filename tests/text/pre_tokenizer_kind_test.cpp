#include "text/pre_tokenizer_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "fixtures.h"
#include "text/pre_tokenizer.h"

namespace yoke::text {
namespace {

using testing::ElementsAre;

// The expected pieces were derived by hand from the patterns that the models' makers published.

std::vector<std::string> cut(std::string_view name, std::string_view text) {
  const PreTokenizer pre_tokenizer(pre_tokenizer_kind(name).expressions);
  const auto pieces = pre_tokenizer.split(text);
  return {pieces.begin(), pieces.end()};
}

TEST(PreTokenizerKind, RefusesAnUnknownNameWithTheNearestAndAllKnownOnes) {
  const std::string known = names_of_pre_tokenizers();
  EXPECT_EQ(sentence_of([] { pre_tokenizer_kind("llama-4"); }),
            "pre-tokenizer \"llama-4\" (tokenizer.ggml.pre) is not supported; the nearest name that is: "
            "\"llama4\", of " +
                known);
  EXPECT_THAT(known, testing::StartsWith("default, gpt-2, olmo, llama-bpe, "));
  EXPECT_THAT(known, testing::HasSubstr(", llama3, "));
  EXPECT_THROW(pre_tokenizer_kind(""), Error);
}

TEST(PreTokenizerKind, HasOneEntryForNamesOfTheSame) {
  EXPECT_EQ(&pre_tokenizer_kind("llama3"), &pre_tokenizer_kind("llama-bpe"));
  EXPECT_EQ(&pre_tokenizer_kind("deepseek-r1-qwen"), &pre_tokenizer_kind("qwen2"));
}

TEST(PreTokenizerKind, HasNoNameTwice) {
  std::istringstream names(names_of_pre_tokenizers());
  std::set<std::string> seen;
  for (std::string name; names >> name;) {
    if (name.back() == ',') name.pop_back();
    EXPECT_TRUE(seen.insert(name).second) << name;
    EXPECT_NO_THROW(pre_tokenizer_kind(name)) << name;
  }
  EXPECT_GE(seen.size(), known_pre_tokenizers().size());
}

/// What a model's tokenizer.json says of text before it is merged, with texts cut by Hugging Face's
/// tokenizers.
struct Published {
  std::string name, of;
  bool normalises, whole_piece_first;
  std::vector<std::string> texts;
  std::vector<std::vector<std::size_t>> pieces;  // lengths in bytes, by text
  friend std::ostream& operator<<(std::ostream& out, const Published& model) { return out << model.of; }
};

std::vector<Published> published() {
  std::ifstream file(std::filesystem::path(YOKE_TEST_DATA) / "pre_tokenizers.json");
  const auto data = nlohmann::json::parse(file);
  std::vector<Published> models;
  for (const auto& model : data.at("models"))
    models.push_back({model.at("name"), model.at("of"), !model.at("normalizer").is_null(),
                      model.at("ignore_merges"), data.at("texts"), model.at("pieces")});
  return models;
}

class PublishedPreTokenizer : public testing::TestWithParam<Published> {};

TEST_P(PublishedPreTokenizer, CutsAsTheModelsOwn) {
  const Published& model = GetParam();
  ASSERT_GT(model.texts.size(), 90U);
  ASSERT_EQ(model.pieces.size(), model.texts.size());
  for (std::size_t i = 0; i < model.texts.size(); ++i) {
    std::vector<std::string> expected;
    for (std::size_t done = 0; const std::size_t length : model.pieces[i]) {
      expected.push_back(model.texts[i].substr(done, length));
      done += length;
    }
    EXPECT_EQ(cut(model.name, model.texts[i]), expected);
  }
}

TEST_P(PublishedPreTokenizer, NormalisesAndMergesAsTheModelsOwn) {
  const PreTokenizerKind& kind = pre_tokenizer_kind(GetParam().name);
  EXPECT_EQ(kind.normal_form == NormalForm::nfc, GetParam().normalises);
  EXPECT_EQ(kind.whole_piece_first, GetParam().whole_piece_first);
}

INSTANTIATE_TEST_SUITE_P(Of, PublishedPreTokenizer, testing::ValuesIn(published()), [](const auto& model) {
  std::string name;
  for (const char c : model.param.name) name += c == '-' ? '_' : c;
  return name;
});

TEST(PreTokenizerKind, CutsAsLlama3Does) {
  EXPECT_THAT(cut("llama-bpe", "Hello, it'S 12345 a\n\n b!!\n  c(d)"),
              ElementsAre("Hello", ",", " it", "'S", " ", "123", "45", " a", "\n\n", " b", "!!\n", " ", " c",
                          "(d", ")"));
  EXPECT_THAT(cut("llama-bpe", "x'\u017f \r\n "), ElementsAre("x", "'\u017f", " \r\n", " "))
      << "the long s is an s to a pattern that takes any case";
}

TEST(PreTokenizerKind, CutsAsQwen2Does) {
  EXPECT_THAT(cut("qwen2", "it's 123\n"), ElementsAre("it", "'s", " ", "1", "2", "3", "\n"));
}

TEST(PreTokenizerKind, CutsAsGpt4oDoes) {
  EXPECT_THAT(cut("gpt-4o", "camelCaseWord HELLOworld it's don'T ABC a/b//\n1234"),
              ElementsAre("camel", "Case", "Word", " HELLOworld", " it's", " don'T", " ABC", " a", "/b",
                          "//\n", "123", "4"));
  EXPECT_THAT(cut("gpt-4o", "e\u0301A\u0301"), ElementsAre("e\u0301", "A\u0301"))
      << "marks are part of a word";
}

TEST(PreTokenizerKind, CutsAsDeepseekV3Does) {
  EXPECT_THAT(cut("deepseek-v3", "Hello, world! 12345日本カタ_foo $x don't"),
              ElementsAre("Hello", ",", " world", "!", " ", "123", "45", "日本カタ", "_foo", " $", "x",
                          " don", "'t"));
}

TEST(PreTokenizerKind, CutsAsDeepseekLlmDoes) {
  EXPECT_THAT(cut("deepseek-llm", "Hello, world! 123 é中文ab\n\n  x  "),
              ElementsAre("Hello", ",", " world", "!", " ", "1", "2", "3", " é", "中文", "ab", "\n", "\n",
                          " ", " x", "  "));
  EXPECT_THAT(cut("deepseek-llm", "naïve"), ElementsAre("na", "ï", "ve"))
      << "its punctuation, :-~, has the ASCII letters in it";
  EXPECT_THAT(cut("deepseek-llm", "ｘ，“y”。"), ElementsAre("ｘ", "，", "“", "y", "”。"))
      << "its ideographs begin at U+0800, before most punctuation";
}

TEST(PreTokenizerKind, CutsAsDeepseekCoderDoes) {
  EXPECT_THAT(cut("deepseek-coder", "Hello, world! 123 é中文ab $5\n\n  x  "),
              ElementsAre("Hello", ",", " world", "!", " ", "1", "2", "3", " é", "中文", "ab", " $", "5",
                          "\n", "\n", " ", " x", "  "));
}

TEST(PreTokenizerKind, CutsAsFalconDoes) {
  // Its own steps for digits come after bytes have become letters; no merge of it crosses a border of those.
  EXPECT_THAT(cut("falcon", "Hello, it's 12345 a+b!!  c\nd ü`x`"),
              ElementsAre("Hello", ",", " it", "'", "s", " ", "123", "45", " a", "+", "b", "!!", " ", " c",
                          "\n", "d", " ü", "`", "x", "`"));
}

TEST(PreTokenizerKind, CutsByDefaultAsConvertersAssume) {
  EXPECT_THAT(cut("default", "Hello, it's 12345 a+b!!  c\nd"),
              ElementsAre("Hello", ",", " it", "'", "s", " ", "123", "45", " a", "+", "b", "!!", " ", " c",
                          "\n", "d"));
}

}  // namespace
}  // namespace yoke::text
