#include "text/byte_alphabet.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace yoke::text {
namespace {

std::string one(int byte) { return {static_cast<char>(byte)}; }

TEST(ByteAlphabet, HasTheStandInsOfGpt2) {
  EXPECT_EQ(stand_in(0x00), "Ā");
  EXPECT_EQ(stand_in(0x0A), "Ċ");
  EXPECT_EQ(stand_in(0x20), "Ġ");
  EXPECT_EQ(stand_in(0x21), "!");
  EXPECT_EQ(stand_in(0x7E), "~");
  EXPECT_EQ(stand_in(0x7F), "ġ");
  EXPECT_EQ(stand_in(0xA0), "ł");
  EXPECT_EQ(stand_in(0xA1), "¡");
  EXPECT_EQ(stand_in(0xAD), "Ń");
  EXPECT_EQ(stand_in(0xFF), "ÿ");
}

TEST(ByteAlphabet, GivesEveryByteItsOwnCharacterAndTakesItBack) {
  std::set<std::string> seen;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string character = stand_in(static_cast<std::uint8_t>(byte));
    EXPECT_TRUE(seen.insert(character).second) << byte;
    EXPECT_EQ(bytes_behind(character), one(byte)) << byte;
  }
}

TEST(ByteAlphabet, TranslatesAWholeToken) {
  EXPECT_EQ(bytes_behind("ĠcafÃ©"), " caf\u00e9");
  EXPECT_EQ(bytes_behind(""), "");
}

TEST(ByteAlphabet, HasNothingForOtherCharacters) {
  for (const char* token : {" ", "a b", "\n", "\u00ad", "\u00a0", "\u0144", "中", "😀", "<｜user｜>"})
    EXPECT_EQ(bytes_behind(token), std::nullopt) << token;
}

}  // namespace
}  // namespace yoke::text
