#include "text/pre_tokenizer_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(PreTokenizerKind, RefusesAnUnknownNameWithTheKnownOnes) {
  EXPECT_EQ(sentence_of([] { pre_tokenizer_kind("klingon"); }),
            "pre-tokenizer \"klingon\" (tokenizer.ggml.pre) is not supported; known: default, gpt-2, "
            "llama-bpe, llama3, gpt-4o, llama4, qwen2, deepseek-r1-qwen, deepseek-v3, deepseek-llm, "
            "deepseek-coder");
  EXPECT_THROW(pre_tokenizer_kind(""), Error);
}

TEST(PreTokenizerKind, HasOneEntryForNamesOfTheSame) {
  EXPECT_EQ(&pre_tokenizer_kind("llama3"), &pre_tokenizer_kind("llama-bpe"));
  EXPECT_EQ(&pre_tokenizer_kind("deepseek-r1-qwen"), &pre_tokenizer_kind("qwen2"));
}

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

TEST(PreTokenizerKind, CutsByDefaultAsConvertersAssume) {
  EXPECT_THAT(cut("default", "Hello, it's 12345 a+b!!  c\nd"),
              ElementsAre("Hello", ",", " it", "'", "s", " ", "123", "45", " a", "+", "b", "!!", " ", " c",
                          "\n", "d"));
}

}  // namespace
}  // namespace yoke::text
