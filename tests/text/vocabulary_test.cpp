#include "text/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fixtures.h"

namespace yoke::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* tokens_key = "tokenizer.ggml.tokens";
constexpr const char* types_key = "tokenizer.ggml.token_type";

gguf::Metadata three_tokens() {
  gguf::Metadata metadata;
  metadata.set(tokens_key, std::vector<std::string>{"a", "b", "</s>"});
  metadata.set(types_key, std::vector<std::int64_t>{1, 4, 3});
  return metadata;
}

std::string refusal(const gguf::Metadata& metadata) {
  return sentence_of([&] { read_vocabulary(metadata, false); });
}

TEST(Vocabulary, ReadsTokensTypesAndIds) {
  gguf::Metadata metadata = three_tokens();
  metadata.set("tokenizer.ggml.bos_token_id", std::uint64_t{0});
  metadata.set("tokenizer.ggml.eos_token_id", std::uint64_t{2});
  metadata.set("tokenizer.ggml.eot_token_id", std::int64_t{1});
  metadata.set("tokenizer.ggml.add_bos_token", true);
  const Vocabulary vocabulary = read_vocabulary(metadata, false);
  EXPECT_THAT(vocabulary.tokens, ElementsAre("a", "b", "</s>"));
  EXPECT_THAT(vocabulary.types, ElementsAre(TokenType::normal, TokenType::user_defined, TokenType::control));
  EXPECT_EQ(vocabulary.bos, 0);
  EXPECT_EQ(vocabulary.eos, 2);
  EXPECT_THAT(vocabulary.ends, ElementsAre(2, 1));
  EXPECT_TRUE(vocabulary.adds_bos);
}

TEST(Vocabulary, HasDefaultsForWhatIsOptional) {
  gguf::Metadata metadata;
  metadata.set(tokens_key, std::vector<std::string>{"a"});
  const Vocabulary vocabulary = read_vocabulary(metadata, false);
  EXPECT_THAT(vocabulary.types, ElementsAre(TokenType::normal));
  EXPECT_EQ(vocabulary.bos, std::nullopt);
  EXPECT_EQ(vocabulary.eos, std::nullopt);
  EXPECT_TRUE(vocabulary.ends.empty());
  EXPECT_FALSE(vocabulary.adds_bos);
}

TEST(Vocabulary, RefusesAMissingOrEmptyListOfTokens) {
  gguf::Metadata metadata;
  EXPECT_THAT(refusal(metadata), HasSubstr(tokens_key));
  metadata.set(tokens_key, std::vector<std::string>{});
  EXPECT_EQ(refusal(metadata), "tokenizer.ggml.tokens is empty; a vocabulary needs tokens");
}

TEST(Vocabulary, RefusesATokenThatIsNotUtf8) {
  gguf::Metadata metadata = three_tokens();
  metadata.set(tokens_key, std::vector<std::string>{"a", "\xFF", "c"});
  EXPECT_EQ(refusal(metadata), "token 1 in tokenizer.ggml.tokens is not UTF-8");
}

TEST(Vocabulary, RefusesTypesOfAnotherNumberThanTheTokens) {
  gguf::Metadata metadata = three_tokens();
  metadata.set(types_key, std::vector<std::int64_t>{1, 1});
  EXPECT_EQ(refusal(metadata), "tokenizer.ggml.token_type has 2 entries for the 3 of tokenizer.ggml.tokens");
}

TEST(Vocabulary, RefusesAnUnknownType) {
  gguf::Metadata metadata = three_tokens();
  for (const int type : {-1, 0, 7}) {
    metadata.set(types_key, std::vector<std::int64_t>{1, 1, type});
    EXPECT_EQ(refusal(metadata), "tokenizer.ggml.token_type gives token 2 the type " + std::to_string(type) +
                                     "; types are 1 to 6");
  }
}

TEST(Vocabulary, RefusesAnIdOutsideTheVocabulary) {
  for (const char* name : {"bos", "eos", "eot", "eom"})
    for (const std::int64_t id : {std::int64_t{-1}, std::int64_t{3}, std::int64_t{0xFFFFFFFF}}) {
      const std::string key = std::string("tokenizer.ggml.") + name + "_token_id";
      gguf::Metadata metadata = three_tokens();
      metadata.set(key, id);
      EXPECT_EQ(refusal(metadata), key + " is " + std::to_string(id) + "; the vocabulary has tokens 0 to 2");
    }
}

Vocabulary with_tokens(std::vector<std::string> tokens, std::vector<std::int64_t> types) {
  gguf::Metadata metadata;
  metadata.set(tokens_key, std::move(tokens));
  metadata.set(types_key, std::move(types));
  return read_vocabulary(metadata, true);
}

TEST(Vocabulary, KnowsTheEndsOfAnswersByTheirTexts) {
  EXPECT_THAT(with_tokens({"a", "<|endoftext|>", "<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|eom_id|>"},
                          {1, 3, 3, 3, 3, 3})
                  .ends,
              ElementsAre(1, 2, 3, 4, 5));
}

TEST(Vocabulary, KnowsTheEndsOfAnswersWhateverTypeTheFileGivesThem) {
  for (const char* text :
       {"<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|endoftext|>", "<｜end▁of▁sentence｜>"})
    for (const std::int64_t type : {1, 2, 3, 4, 5, 6}) {
      const Vocabulary vocabulary = with_tokens({"a", text, "b"}, {1, type, 4});
      EXPECT_THAT(vocabulary.ends, ElementsAre(1)) << text << " of type " << type;
      EXPECT_THAT(vocabulary.types,
                  ElementsAre(TokenType::normal, TokenType::control, TokenType::user_defined));
    }
  EXPECT_THAT(with_tokens({"<|user|>", "<|observation|>", "<|end|>"}, {4, 1, 4}).ends, ElementsAre(0, 1, 2));
  EXPECT_THAT(with_tokens({"<|end|>", "<|return|>"}, {4, 4}).ends, ElementsAre(1));
}

TEST(Vocabulary, LeavesTheTypesOfOtherTokensAsTheyAre) {
  gguf::Metadata metadata = three_tokens();
  metadata.set("tokenizer.ggml.eos_token_id", std::uint64_t{0});  // a text that is printed and ends an answer
  metadata.set(tokens_key, std::vector<std::string>{"\n", "<|user|>", "<|im_start|>"});
  EXPECT_THAT(read_vocabulary(metadata, false).types,
              ElementsAre(TokenType::normal, TokenType::user_defined, TokenType::control));
}

TEST(Vocabulary, LetsAMessageEndWithoutTheAnswerWhereThereIsAReturn) {
  EXPECT_THAT(with_tokens({"a", "<|end|>"}, {1, 3}).ends, ElementsAre(1));
  EXPECT_THAT(with_tokens({"<|end|>", "<|return|>", "<|call|>"}, {3, 3, 3}).ends, ElementsAre(1, 2));
}

TEST(Vocabulary, KnowsTheEndOfAnAnswerOfEveryFamily) {
  for (const char* text : {"<|eot|>", "<|eom|>", "<turn|>", "<|END_OF_TURN_TOKEN|>", "[e~[", "[EOS]", "[EOT]",
                           "<|role_end|>", "<seed:eos>", "[|endofturn|]", "<|endofresponse|>",
                           "<|end_of_sentence|>", "<|eos|>", "<end_of_utterance>"})
    EXPECT_THAT(with_tokens({"a", text, "b"}, {1, 3, 1}).ends, ElementsAre(1)) << text;
}

TEST(Vocabulary, EndsAtTheNextTurnOnlyWhereThatIsHowTurnsEnd) {
  EXPECT_THAT(with_tokens({"<|user|>", "<|assistant|>", "<|observation|>"}, {3, 3, 3}).ends,
              ElementsAre(0, 2));
  EXPECT_THAT(with_tokens({"<|user|>", "<|assistant|>", "<|end|>"}, {3, 3, 3}).ends, ElementsAre(2));
}

TEST(Vocabulary, NamesEachEndOnce) {
  gguf::Metadata metadata = three_tokens();
  metadata.set(tokens_key, std::vector<std::string>{"a", "b", "<|eot_id|>"});
  metadata.set("tokenizer.ggml.eos_token_id", std::uint64_t{2});
  metadata.set("tokenizer.ggml.eot_token_id", std::uint64_t{2});
  EXPECT_THAT(read_vocabulary(metadata, false).ends, ElementsAre(2));
}

TEST(Vocabulary, AddsBosByDefaultOnlyWhereOneIsNamed) {
  gguf::Metadata metadata = three_tokens();
  EXPECT_FALSE(read_vocabulary(metadata, true).adds_bos);
  metadata.set("tokenizer.ggml.bos_token_id", std::uint64_t{2});
  EXPECT_TRUE(read_vocabulary(metadata, true).adds_bos);
  EXPECT_FALSE(read_vocabulary(metadata, false).adds_bos);
  metadata.set("tokenizer.ggml.add_bos_token", false);
  EXPECT_FALSE(read_vocabulary(metadata, true).adds_bos);
}

TEST(Vocabulary, RefusesToAddABosThatIsNotNamed) {
  gguf::Metadata metadata = three_tokens();
  metadata.set("tokenizer.ggml.add_bos_token", true);
  EXPECT_EQ(refusal(metadata),
            "tokenizer.ggml.add_bos_token asks for a BOS token, but tokenizer.ggml.bos_token_id is missing");
}

}  // namespace
}  // namespace yoke::text
