#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "fixtures.h"
#include "gguf/reader.h"

namespace yoke::text {
namespace {

using testing::HasSubstr;

const Tokenizer& demo() {
  static const auto tokenizer = [] {
    const auto model = gguf::Model::open(std::filesystem::path(YOKE_MODELS) / "demo.gguf");
    return make_tokenizer(model.metadata());
  }();
  return *tokenizer;
}

TEST(MakeTokenizer, RefusesAnUnknownKindWithTheKnownOnes) {
  gguf::Metadata metadata = small_vocabulary().metadata();
  metadata.set("tokenizer.ggml.model", std::string("klingon"));
  EXPECT_EQ(sentence_of([&] { make_tokenizer(metadata); }),
            "tokenizer \"klingon\" (tokenizer.ggml.model) is not supported; known: gpt2, llama");
}

TEST(MakeTokenizer, NamesTheKeyThatIsMissing) {
  EXPECT_THAT(sentence_of([] { make_tokenizer(gguf::Metadata()); }), HasSubstr("tokenizer.ggml.model"));
}

TEST(Tokenizer, PutsBosBeforeAPromptWhereTheModelWantsIt) {
  const ByteVocabulary vocabulary = small_vocabulary();
  gguf::Metadata metadata = vocabulary.metadata();
  EXPECT_EQ(make_tokenizer(metadata)->encode_prompt("a", Specials::as_text), (std::vector<Token>{'a'}));
  metadata.set("tokenizer.ggml.add_bos_token", true);
  const auto tokenizer = make_tokenizer(metadata);
  EXPECT_EQ(tokenizer->encode_prompt("a", Specials::as_text), (std::vector<Token>{vocabulary.bos, 'a'}));
  EXPECT_EQ(tokenizer->encode_prompt("", Specials::as_text), (std::vector<Token>{vocabulary.bos}));
  EXPECT_EQ(tokenizer->encode("a", Specials::as_text), (std::vector<Token>{'a'}));
}

TEST(DemoModelsTokenizer, ReadsTheModelsFacts) {
  EXPECT_EQ(demo().size(), 2048);
  EXPECT_EQ(demo().bos(), 2044);
  EXPECT_EQ(demo().eos(), 2045);
  EXPECT_TRUE(demo().adds_bos());
  EXPECT_TRUE(demo().ends_generation(2045));
  EXPECT_FALSE(demo().ends_generation(2044));
  EXPECT_EQ(demo().special_text(2046), "<|user|>");
}

TEST(DemoModelsTokenizer, CutsWordsAtTheirMerges) {
  std::vector<std::string> parts;
  for (const Token token : demo().encode("The purposes of banks tonight", Specials::as_text))
    parts.emplace_back(demo().bytes(token));
  EXPECT_THAT(parts, testing::ElementsAre("T", "he", " purposes", " of", " banks", " tonight"));
}

TEST(DemoModelsTokenizer, GivesBackEveryText) {
  std::mt19937 random(6);
  for (int round = 0; round < 200; ++round) {
    const std::string text = round % 2 ? random_bytes(random, 100) : random_text(random, awkward_parts(), 40);
    ASSERT_EQ(demo().decode(demo().encode(text, Specials::as_text)), text) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace yoke::text
