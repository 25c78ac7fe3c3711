#include "text/sentencepiece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "fixtures.h"
#include "score_vocabulary.h"

namespace yoke::text {
namespace {

using testing::ElementsAre;

const Tokenizer& small(bool adds_space = true) {
  static const auto with = make_sentencepiece_tokenizer(small_score_vocabulary(true).metadata());
  static const auto without = make_sentencepiece_tokenizer(small_score_vocabulary(false).metadata());
  return adds_space ? *with : *without;
}

std::vector<std::string> names_of(const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  std::vector<std::string> names;
  for (const Token token : tokens) names.emplace_back(tokenizer.special_text(token));
  return names;
}

/// The names of the tokens of `text` without a space before it.
std::vector<std::string> names(std::string_view text, Specials specials = Specials::as_text) {
  return names_of(small(false), small(false).encode(text, specials));
}

std::vector<std::string> names_after_space(std::string_view text, Specials specials = Specials::as_text) {
  return names_of(small(), small().encode(text, specials));
}

std::string refusal(const gguf::Metadata& metadata) {
  return sentence_of([&] { make_sentencepiece_tokenizer(metadata); });
}

TEST(SentencepieceTokenizer, JoinsTheHighestScoreFirst) {
  EXPECT_THAT(names("in the hat"), ElementsAre("in", "▁the", "▁", "h", "a", "t"));
  EXPECT_THAT(names("then"), ElementsAre("t", "he", "n")) << "he before th";
  EXPECT_THAT(names("aaaaaaa"), ElementsAre("aaaa", "aa", "a"));
  EXPECT_THAT(names(""), ElementsAre());
}

TEST(SentencepieceTokenizer, JoinsTheLeftmostOfEqualScores) {
  EXPECT_THAT(names("aba"), ElementsAre("ab", "a"));
  EXPECT_THAT(names("bab"), ElementsAre("ba", "b"));
  EXPECT_THAT(names("abb"), ElementsAre("ab", "b"));
}

TEST(SentencepieceTokenizer, JoinsAcrossASpaceWhereATokenDoes) {
  EXPECT_THAT(names("a> <a"), ElementsAre("a", ">▁<", "a"));
  EXPECT_THAT(names("a> a"), ElementsAre("a", ">", "▁a"));
}

TEST(SentencepieceTokenizer, SpellsInBytesWhatIsNoToken) {
  EXPECT_THAT(names("aéx"), ElementsAre("a", "é", "<0x78>"));
  EXPECT_THAT(names("中文中"), ElementsAre("中文", "<0xE4>", "<0xB8>", "<0xAD>"))
      << "a character that is a token only beside another";
  EXPECT_THAT(names("\n\xFF"), ElementsAre("<0x0A>", "<0xFF>"));
  EXPECT_THAT(names("a\u2581"), ElementsAre("a", "<0xE2>", "<0x96>", "<0x81>")) << "the mark is not a space";
}

TEST(SentencepieceTokenizer, PutsASpaceBeforeATextWhereTheModelWantsOne) {
  EXPECT_THAT(names_after_space("the"), ElementsAre("▁the"));
  EXPECT_THAT(names_after_space(" the"), ElementsAre("▁", "▁the"));
  EXPECT_THAT(names_after_space(" "), ElementsAre("▁▁"));
  EXPECT_THAT(names_after_space(""), ElementsAre());
  EXPECT_THAT(names_after_space("\xFF"), ElementsAre("▁", "<0xFF>"));
  EXPECT_THAT(names_after_space("a<think>a<|user|>a<s><s>", Specials::parse),
              ElementsAre("▁a", "<think>", "▁a", "<|user|>", "▁a", "<s>", "<s>"))
      << "what follows a special token is a text of its own";
}

TEST(SentencepieceTokenizer, PutsNoSpaceBeforeWhatStandsWithinAText) {
  const auto names_within = [](std::string_view text, Specials specials = Specials::as_text) {
    return names_of(small(), small().encode(text, specials, Begin::within_text));
  };
  EXPECT_THAT(names_within("the"), ElementsAre("t", "he"));
  EXPECT_THAT(names_within(" the"), ElementsAre("▁the"));
  EXPECT_THAT(names_within("\nthe"), ElementsAre("<0x0A>", "t", "he"));
  EXPECT_THAT(names_within(""), ElementsAre());
  EXPECT_THAT(names_within("a<|user|>a", Specials::parse), ElementsAre("a", "<|user|>", "▁a"))
      << "what follows a special token is a text of its own";
}

TEST(SentencepieceTokenizer, PutsTheSpaceByDefault) {
  gguf::Metadata metadata = small_score_vocabulary().metadata();
  gguf::Metadata silent;
  for (const auto& [key, value] : metadata.all())
    if (key != "tokenizer.ggml.add_space_prefix") silent.set(key, value);
  EXPECT_TRUE(make_sentencepiece_tokenizer(silent)->adds_space());
}

TEST(SentencepieceTokenizer, TakesTheSpaceAwayAgain) {
  const auto decoded = [](const std::vector<std::string>& tokens) {
    std::vector<Token> ids;
    for (const std::string& token : tokens) {
      const auto& all = small_score_vocabulary().tokens;
      ids.push_back(static_cast<Token>(std::find(all.begin(), all.end(), token) - all.begin()));
    }
    return small().decode(ids);
  };
  EXPECT_EQ(decoded({"▁the", "▁the"}), "the the");
  EXPECT_EQ(decoded({"he", "▁the"}), "he the") << "there was none";
  EXPECT_EQ(decoded({"▁▁", "a"}), " a");
  EXPECT_EQ(decoded({"<s>", "▁the", "<think>", "▁a"}), "the<think>a");
  EXPECT_EQ(decoded({"▁▁▁", "▁a"}), "   a") << "a special token of spaces keeps them";
}

TEST(SentencepieceTokenizer, StreamsATextFromItsStartOrFromItsMiddle) {
  const std::vector<Token> tokens = small().encode("the and", Specials::as_text);
  TextStream start(small(), Begin::text), middle(small());
  std::string from_start, from_middle;
  for (const Token token : tokens) {
    from_start += start.push(token);
    from_middle += middle.push(token);
  }
  EXPECT_EQ(from_start, "the and");
  EXPECT_EQ(from_middle, " the and");
}

TEST(SentencepieceTokenizer, FindsUserDefinedTokensInEveryText) {
  EXPECT_THAT(names("a<think>a\n\n\n"), ElementsAre("a", "<think>", "a", "\n\n", "<0x0A>"));
  EXPECT_THAT(names("a   a"), ElementsAre("a", "▁▁▁", "a")) << "by the spaces that its marks stand for";
}

TEST(SentencepieceTokenizer, NeverMakesControlTokensOfPlainText) {
  ScoreVocabulary vocabulary = small_score_vocabulary(false);
  vocabulary.add("<s", 1, 10);  // one step from <s>
  const auto tokenizer = make_sentencepiece_tokenizer(vocabulary.metadata());
  EXPECT_THAT(names_of(*tokenizer, tokenizer->encode("<s>", Specials::as_text)), ElementsAre("<s", ">"));
  EXPECT_THAT(tokenizer->encode("<s>", Specials::parse), ElementsAre(vocabulary.bos));
}

TEST(SentencepieceTokenizer, StartsAPromptWithBosUnlessTold) {
  gguf::Metadata metadata = small_score_vocabulary().metadata();
  EXPECT_TRUE(make_sentencepiece_tokenizer(metadata)->adds_bos());
  metadata.set("tokenizer.ggml.add_bos_token", false);
  EXPECT_FALSE(make_sentencepiece_tokenizer(metadata)->adds_bos());
}

/// As the definition reads: of all neighbours join those that make the token of the highest score, the
/// leftmost first; look again. For texts of one word or many, in UTF-8, without special tokens.
std::vector<std::string> joined_naively(const ScoreVocabulary& vocabulary, std::string_view text) {
  std::map<std::string, double> scores;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i)
    if (vocabulary.types[i] == 1) scores[vocabulary.tokens[i]] = vocabulary.scores[i];
  std::vector<std::string> parts;
  for (; !text.empty(); text.remove_prefix(front_unit(text).bytes)) {
    const std::string_view character = text.substr(0, front_unit(text).bytes);
    parts.emplace_back(character == " " ? "▁" : character);
  }
  for (;;) {
    double best = -std::numeric_limits<double>::infinity();
    std::size_t place = parts.size();
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
      if (const auto found = scores.find(parts[i] + parts[i + 1]);
          found != scores.end() && found->second > best) {
        best = found->second;
        place = i;
      }
    if (place == parts.size()) break;
    parts[place] += parts[place + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
  std::vector<std::string> result;
  for (const std::string& part : parts) {
    if (scores.contains(part))
      result.push_back(part);
    else
      for (const char byte : part)
        result.push_back(fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte)));
  }
  return result;
}

TEST(SentencepieceTokenizer, AgreesWithTheNaiveDefinition) {
  std::mt19937 random(11);
  const std::vector<std::string> characters = {" ", " ", "a", "b", "é", "中", "."};
  for (int round = 0; round < 300; ++round) {
    ScoreVocabulary vocabulary;
    for (int byte = 0; byte < 256; ++byte) vocabulary.add(fmt::format("<0x{:02X}>", byte), 6);
    vocabulary.adds_space = false;
    vocabulary.add("▁", 1, -100);
    for (const char* character : {"a", "b", "."})
      if (random() % 4) vocabulary.add(character, 1, -100);
    for (int i = 0; i < 30; ++i) {
      std::string token = random_text(random, {"▁", "a", "b", "é", "中"}, 2 + static_cast<int>(random() % 3));
      if (std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), token) == vocabulary.tokens.end())
        vocabulary.add(std::move(token), 1, -static_cast<double>(random() % 12));
    }
    const auto tokenizer = make_sentencepiece_tokenizer(vocabulary.metadata());
    const std::string text = random_text(random, characters, 40);
    ASSERT_EQ(names_of(*tokenizer, tokenizer->encode(text, Specials::as_text)),
              joined_naively(vocabulary, text))
        << "round " << round << ", " << testing::PrintToString(text);
  }
}

TEST(SentencepieceTokenizer, GivesBackAnyBytes) {
  std::mt19937 random(12);
  for (int round = 0; round < 500; ++round) {
    const std::string text = round % 2 ? random_bytes(random, 80)
                                       : random_text(random, awkward_parts(), 40) + "\u2581▁ <think>  \n\n";
    for (const bool adds_space : {false, true})
      ASSERT_EQ(small(adds_space).decode(small(adds_space).encode(text, Specials::as_text)), text)
          << testing::PrintToString(text);
  }
}

TEST(SentencepieceTokenizer, RefusesADamagedVocabulary) {
  const auto with = [](const auto& change) {
    ScoreVocabulary vocabulary = small_score_vocabulary();
    change(vocabulary);
    return refusal(vocabulary.metadata());
  };
  const std::size_t n = small_score_vocabulary().tokens.size();
  EXPECT_EQ(
      with([](ScoreVocabulary& v) { v.scores.pop_back(); }),
      fmt::format("tokenizer.ggml.scores has {} entries for the {} of tokenizer.ggml.tokens", n - 1, n));
  EXPECT_EQ(with([](ScoreVocabulary& v) { v.scores[7] = std::numeric_limits<double>::quiet_NaN(); }),
            "tokenizer.ggml.scores gives token 7 no number (NaN)");
  EXPECT_EQ(
      with([](ScoreVocabulary& v) { v.add("the", 6); }),
      fmt::format(
          "token {} in tokenizer.ggml.tokens is of type 6 (byte) and called \"the\"; expected <0x00> to "
          "<0xFF>",
          n));
  EXPECT_EQ(
      with([](ScoreVocabulary& v) { v.add("<0x4G>", 6); }),
      fmt::format(
          "token {} in tokenizer.ggml.tokens is of type 6 (byte) and called \"<0x4G>\"; expected <0x00> "
          "to <0xFF>",
          n));
  EXPECT_EQ(with([](ScoreVocabulary& v) { v.add("<s>", 1); }),
            fmt::format("tokens 1 and {} in tokenizer.ggml.tokens are both \"<s>\"", n));
}

TEST(SentencepieceTokenizer, NamesTheKeyThatIsMissing) {
  gguf::Metadata metadata;
  metadata.set("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  EXPECT_THAT(refusal(metadata), testing::HasSubstr("tokenizer.ggml.scores"));
}

TEST(SentencepieceTokenizer, RefusesATextThatTheVocabularyCannotSpell) {
  ScoreVocabulary vocabulary;
  vocabulary.add("a", 1, -1);
  const auto tokenizer = make_sentencepiece_tokenizer(vocabulary.metadata());
  EXPECT_EQ(sentence_of([&] { tokenizer->encode("a", Specials::as_text); }),
            "the text has the byte 0x20, for which the vocabulary has no token")
      << "of the space before it";
}

}  // namespace
}  // namespace yoke::text
