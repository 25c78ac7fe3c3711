#include "text/bpe_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "fixtures.h"
#include "text/pre_tokenizer_kind.h"

namespace yoke::text {
namespace {

using testing::ElementsAre;

using Tokens = std::vector<Token>;

const Tokenizer& small() {
  static const auto tokenizer = make_bpe_tokenizer(small_vocabulary().metadata());
  return *tokenizer;
}

/// The token with this name.
Token named(std::string_view name) {
  const auto& tokens = small_vocabulary().tokens;
  const auto found = std::find(tokens.begin(), tokens.end(), name);
  if (found == tokens.end()) ADD_FAILURE() << "no token " << name;
  return static_cast<Token>(found - tokens.begin());
}

/// The names of the tokens of `text`.
std::vector<std::string> names(std::string_view text, Specials specials = Specials::as_text) {
  std::vector<std::string> names;
  for (const Token token : small().encode(text, specials)) names.emplace_back(small().special_text(token));
  return names;
}

std::string refusal(const ByteVocabulary& vocabulary) {
  return sentence_of([&] { make_bpe_tokenizer(vocabulary.metadata()); });
}

TEST(BpeTokenizer, MergesInsidePiecesOnly) {
  EXPECT_THAT(names("the other hand"), ElementsAre("the", "Ġ", "o", "th", "er", "Ġ", "h", "and"));
  EXPECT_THAT(names("in the"), ElementsAre("in", "Ġthe"));
  EXPECT_THAT(names("aaaaaaa"), ElementsAre("aaaa", "aa", "a"));
  EXPECT_THAT(names("a\n\nb\n\n"), ElementsAre("a", "Ċ", "Ċ", "b", "ĊĊ"));
  EXPECT_THAT(names(""), ElementsAre());
}

TEST(BpeTokenizer, MergesTheBytesOfACharacter) {
  EXPECT_THAT(names("é中"), ElementsAre("Ã©", "ä¸Ń"));
  EXPECT_EQ(small().bytes(named("ä¸Ń")), "中");
  EXPECT_EQ(small().bytes(named("ä¸")), "\xE4\xB8");
}

TEST(BpeTokenizer, ParsesSpecialTokensOnRequestOnly) {
  EXPECT_THAT(names("in<s>in", Specials::parse), ElementsAre("in", "<s>", "in"));
  EXPECT_THAT(names("<unk>", Specials::parse), ElementsAre("<unk>"));
  EXPECT_THAT(names("in<s>in"), ElementsAre("in", "<", "s", ">", "in"));
  EXPECT_THAT(names("<unk>"), ElementsAre("<", "u", "n", "k", ">"));
}

TEST(BpeTokenizer, TakesTheLongestOfOverlappingSpecials) {
  EXPECT_THAT(names("<|user|><|user|>", Specials::parse),
              ElementsAre("<|user|><|", "u", "s", "er", "|", ">"));
  EXPECT_THAT(names("<|user|> <|user|", Specials::parse), ElementsAre("<|user|>", "Ġ", "<|user|"));
}

TEST(BpeTokenizer, FindsUserDefinedTokensInEveryText) {
  for (const Specials specials : {Specials::as_text, Specials::parse}) {
    EXPECT_THAT(names("in<think>in", specials), ElementsAre("in", "<think>", "in"));
    EXPECT_THAT(names("a    a", specials), ElementsAre("a", "   ", "Ġa"));
  }
}

TEST(BpeTokenizer, NeverFindsUnusedTokens) {
  EXPECT_THAT(names("[PAD]", Specials::parse), ElementsAre("[", "P", "A", "D", "]"));
}

TEST(BpeTokenizer, GivesSpecialTokensANameButNoBytes) {
  EXPECT_EQ(small().bytes(named("<s>")), "");
  EXPECT_EQ(small().special_text(named("<s>")), "<s>");
  EXPECT_EQ(small().bytes(named("<unk>")), "");
  EXPECT_EQ(small().bytes(named("[PAD]")), "");
  EXPECT_EQ(small().bytes(named("<think>")), "<think>");
  EXPECT_EQ(small().bytes(named("   ")), "   ");
  EXPECT_EQ(small().bytes(named("Ġthe")), " the");
  EXPECT_EQ(small().decode(small().encode("in<s>in<think>", Specials::parse)), "inin<think>");
}

TEST(BpeTokenizer, TakesATokenOutsideTheByteAlphabetAsPlainText) {
  ByteVocabulary vocabulary = small_vocabulary();
  const Token token = vocabulary.add("<｜tool｜>", 1);
  EXPECT_EQ(make_bpe_tokenizer(vocabulary.metadata())->bytes(token), "<｜tool｜>");
}

TEST(BpeTokenizer, EndsGenerationAtEosEotAndEom) {
  gguf::Metadata metadata = small_vocabulary().metadata();
  metadata.set("tokenizer.ggml.eot_token_id", std::uint64_t(named("<|user|>")));
  metadata.set("tokenizer.ggml.eom_token_id", std::uint64_t(named("<|assistant|>")));
  const auto tokenizer = make_bpe_tokenizer(metadata);
  for (Token token = -1; token <= tokenizer->size(); ++token)
    EXPECT_EQ(tokenizer->ends_generation(token),
              token == named("</s>") || token == named("<|user|>") || token == named("<|assistant|>"));
}

TEST(BpeTokenizer, RefusesTokensOutsideTheVocabulary) {
  const std::string range =
      "is not in the vocabulary, which has tokens 0 to " + std::to_string(small().size() - 1);
  EXPECT_EQ(sentence_of([] { small().bytes(-1); }), "token -1 " + range);
  EXPECT_EQ(sentence_of([] { small().special_text(small().size()); }),
            "token " + std::to_string(small().size()) + " " + range);
}

/// The text of which `tokens` were made: their bytes, or the names of those that stand for none.
std::string written(const Tokens& tokens) {
  std::string text;
  for (const Token token : tokens) {
    const std::string_view bytes = small().bytes(token);
    text += bytes.empty() ? small().special_text(token) : bytes;
  }
  return text;
}

TEST(BpeTokenizer, GivesBackAnyBytes) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    const std::string text = round % 2 ? random_bytes(random, 80) : random_text(random, awkward_parts(), 40);
    ASSERT_EQ(small().decode(small().encode(text, Specials::as_text)), text) << testing::PrintToString(text);
    ASSERT_EQ(written(small().encode(text, Specials::parse)), text) << testing::PrintToString(text);
  }
}

TEST(BpeTokenizer, TakesMegabytesOfAnyOneKind) {
  std::mt19937 random(8);
  std::vector<std::string> units = {"a",    " ",     "the ",     "\n",  "!",       "é",
                                    "\xFF", "a\xFF", "\xF0\x9F", "<s>", "<|user|", std::string(1, '\0')};
  units.push_back(random_bytes(random, 1'000'000));
  for (const std::string& unit : units) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    EXPECT_TRUE(written(small().encode(text, Specials::parse)) == text)
        << testing::PrintToString(unit.substr(0, 10));
  }
}

TEST(BpeTokenizer, ServesSeveralThreadsAtOnce) {
  std::mt19937 random(10);
  const std::string text = random_text(random, awkward_parts(), 2000);
  const Tokens expected = small().encode(text, Specials::parse);
  std::vector<Tokens> results(4);
  std::vector<std::thread> threads;
  for (Tokens& result : results)
    threads.emplace_back([&] { result = small().encode(text, Specials::parse); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(results, testing::Each(expected));
}

TEST(BpeTokenizer, RefusesATextWithAByteThatHasNoToken) {
  ByteVocabulary vocabulary = small_vocabulary();
  vocabulary.tokens[0xC0] = "no byte";
  const auto tokenizer = make_bpe_tokenizer(vocabulary.metadata());
  EXPECT_EQ(sentence_of([&] { tokenizer->encode("a\xC0", Specials::as_text); }),
            "the text has the byte 0xC0, for which the vocabulary has no token");
  EXPECT_EQ(tokenizer->encode("in", Specials::as_text).size(), 1U);
}

TEST(BpeTokenizer, RefusesAMergeThatIsNotTwoTokens) {
  for (const char* merge : {"", "a", " ", "a ", " a", "a b c", "a  b"}) {
    ByteVocabulary vocabulary = small_vocabulary();
    vocabulary.merges[3] = merge;
    EXPECT_EQ(refusal(vocabulary), std::string("merge 3 in tokenizer.ggml.merges is \"") + merge +
                                       "\"; a merge is two tokens with one space between them");
  }
}

TEST(BpeTokenizer, RefusesAMergeOfWhatTheVocabularyDoesNotHave) {
  for (const auto& [merge, missing] :
       {std::pair{"xyz b", "xyz"}, {"b xyz", "xyz"}, {"x y", "xy"}, {"[ PAD]", "PAD]"}}) {
    ByteVocabulary vocabulary = small_vocabulary();
    vocabulary.merges.emplace_back(merge);
    EXPECT_EQ(refusal(vocabulary), "merge " + std::to_string(vocabulary.merges.size() - 1) +
                                       " in tokenizer.ggml.merges, \"" + merge + "\", needs the token \"" +
                                       missing + "\", which the vocabulary does not have");
  }
}

TEST(BpeTokenizer, RefusesAMergeThatOccursTwice) {
  ByteVocabulary vocabulary = small_vocabulary();
  vocabulary.merges.push_back(vocabulary.merges[0]);
  EXPECT_EQ(refusal(vocabulary), "merges 0 and " + std::to_string(vocabulary.merges.size() - 1) +
                                     " join the same pair of tokens, 116 and 104");
}

TEST(BpeTokenizer, RefusesATokenThatOccursTwice) {
  ByteVocabulary vocabulary = small_vocabulary();
  const Token again = vocabulary.add("<s>", 3);
  EXPECT_EQ(refusal(vocabulary), "tokens " + std::to_string(vocabulary.bos) + " and " +
                                     std::to_string(again) + " in tokenizer.ggml.tokens are both \"<s>\"");
}

TEST(BpeTokenizer, AllowsEmptyAndUnusedTokensToOccurTwice) {
  ByteVocabulary vocabulary = small_vocabulary();
  for (const int type : {1, 3, 4}) vocabulary.add("", type);
  vocabulary.add("[PAD]", 5);
  vocabulary.add("the", 5);
  const auto tokenizer = make_bpe_tokenizer(vocabulary.metadata());
  EXPECT_THAT(tokenizer->encode("the", Specials::parse), ElementsAre(named("the")));
}

TEST(BpeTokenizer, RefusesByteTokens) {
  ByteVocabulary vocabulary = small_vocabulary();
  vocabulary.types[5] = 6;
  EXPECT_EQ(refusal(vocabulary),
            "token 5 in tokenizer.ggml.token_type is of type 6 (byte), which a byte-level vocabulary does "
            "not have");
}

TEST(BpeTokenizer, GuessesNoPreTokenizer) {
  const gguf::Metadata all = small_vocabulary().metadata();
  gguf::Metadata metadata;
  for (const auto& [key, value] : all.all())
    if (key != "tokenizer.ggml.pre") metadata.set(key, value);
  EXPECT_EQ(sentence_of([&] { make_bpe_tokenizer(metadata); }),
            "tokenizer.ggml.pre is missing, which says how text is cut into pieces; known: " +
                names_of_pre_tokenizers());
}

std::vector<Token> with_pre(const ByteVocabulary& vocabulary, const char* pre, std::string_view text) {
  gguf::Metadata metadata = vocabulary.metadata();
  metadata.set("tokenizer.ggml.pre", std::string(pre));
  return make_bpe_tokenizer(metadata)->encode(text, Specials::as_text);
}

TEST(BpeTokenizer, LeavesAPieceThatIsATokenWholeWhereTheModelDoes) {
  ByteVocabulary vocabulary = small_vocabulary();
  const Token whole = vocabulary.add("xyz", 1);  // which no merge makes
  EXPECT_THAT(with_pre(vocabulary, "llama-bpe", "xyz"), ElementsAre(whole));
  EXPECT_THAT(with_pre(vocabulary, "qwen2", "xyz"), ElementsAre('x', 'y', 'z'));
  EXPECT_THAT(with_pre(vocabulary, "llama-bpe", "xyzz"), ElementsAre('x', 'y', 'z', 'z'));
}

TEST(BpeTokenizer, NormalisesWhereTheModelDoes) {
  const ByteVocabulary vocabulary = small_vocabulary();
  EXPECT_THAT(with_pre(vocabulary, "qwen2", "e\u0301"), ElementsAre(named("Ã©")));
  EXPECT_THAT(with_pre(vocabulary, "llama-bpe", "e\u0301"), ElementsAre('e', 0xCC, 0x81));
  EXPECT_THAT(with_pre(vocabulary, "qwen2",
                       "\xFF"
                       "e\u0301"),
              ElementsAre(0xFF, named("Ã©")));
}

TEST(BpeTokenizer, NamesAPreTokenizerThatItDoesNotKnow) {
  gguf::Metadata metadata = small_vocabulary().metadata();
  metadata.set("tokenizer.ggml.pre", std::string("kling\x1bon"));
  EXPECT_EQ(sentence_of([&] { make_bpe_tokenizer(metadata); }),
            "pre-tokenizer \"kling\\x1bon\" (tokenizer.ggml.pre) is not supported; the nearest name that is: "
            "\"bailingmoe\", of " +
                names_of_pre_tokenizers());
}

}  // namespace
}  // namespace yoke::text
