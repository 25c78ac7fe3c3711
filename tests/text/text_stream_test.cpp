#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/utf8.h"
#include "fixtures.h"
#include "text/tokenizer.h"

namespace yoke::text {
namespace {

/// Token 0 to 255 is that byte.
const Tokenizer& byte_tokenizer() {
  static const auto tokenizer = make_tokenizer(small_vocabulary().metadata());
  return *tokenizer;
}

/// What a stream gives for each byte of `bytes`, and at the end, with a "|" between.
std::string streamed(std::string_view bytes) {
  TextStream stream(byte_tokenizer());
  std::string text;
  for (const char byte : bytes) text += stream.push(static_cast<unsigned char>(byte)) + "|";
  return text + stream.finish();
}

/// All of `bytes` at once: characters as they are, U+FFFD for each maximal subpart of what is none.
std::string repaired(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const Utf8Unit unit = front_unit(bytes);
    text += unit.kind == Utf8::character ? bytes.substr(0, unit.bytes) : replacement_character;
    bytes.remove_prefix(unit.bytes);
  }
  return text;
}

TEST(TextStream, HoldsBackUnfinishedCharacters) { EXPECT_EQ(streamed("aé中😀"), "a||é|||中||||😀|"); }

TEST(TextStream, ReplacesWhatCanNeverBecomeACharacter) {
  EXPECT_EQ(streamed("\xFF"
                     "a"),
            "\uFFFD|a|");
  EXPECT_EQ(streamed("\x80"), "\uFFFD|");
  EXPECT_EQ(streamed("\xE4\xB8"
                     "a"),
            "||\uFFFDa|")
      << "one for the maximal subpart";
  EXPECT_EQ(streamed("\xE4\xB8\xF0\x9F\x98\x80"), "||\uFFFD|||😀|");
  EXPECT_EQ(streamed("\xED\xA0\x80"), "|\uFFFD\uFFFD|\uFFFD|") << "a surrogate";
  EXPECT_EQ(streamed("\xC0\xAF"), "\uFFFD|\uFFFD|") << "an overlong form";
}

TEST(TextStream, ReplacesAnUnfinishedCharacterAtTheEnd) {
  EXPECT_EQ(streamed("\xF0\x9F\x98"), "|||\uFFFD");
  EXPECT_EQ(streamed(""), "");
  TextStream stream(byte_tokenizer());
  stream.push(0xE4);
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "") << "once";
  EXPECT_EQ(stream.push('a'), "a") << "and it can go on";
}

TEST(TextStream, WaitsAcrossTokensThatStandForNoBytes) {
  TextStream stream(byte_tokenizer());
  EXPECT_EQ(stream.push(0xC3), "");
  EXPECT_EQ(stream.push(small_vocabulary().eos), "");
  EXPECT_EQ(stream.push(0xA9), "é");
}

TEST(TextStream, EmitsWholeCharactersOnlyAndTheSameTextAsAtOnce) {
  std::mt19937 random(5);
  for (int round = 0; round < 400; ++round) {
    const std::string bytes = round % 2 ? random_bytes(random, 60) : random_text(random, awkward_parts(), 20);
    TextStream stream(byte_tokenizer());
    std::string text;
    for (const Token token : byte_tokenizer().encode(bytes, Specials::as_text)) {
      const std::string part = stream.push(token);
      ASSERT_TRUE(is_utf8(part));
      text += part;
    }
    text += stream.finish();
    ASSERT_EQ(text, repaired(bytes)) << testing::PrintToString(bytes);
  }
}

TEST(TextStream, RefusesATokenOutsideTheVocabulary) {
  TextStream stream(byte_tokenizer());
  EXPECT_THROW(stream.push(byte_tokenizer().size()), Error);
}

}  // namespace
}  // namespace yoke::text
