#include "base/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace yoke {
namespace {

/// The bytes of a code point by the scheme of RFC 3629, for surrogates too.
std::string encoded(std::uint32_t code_point) {
  const auto tail = [code_point](int shift) {
    return static_cast<char>(0x80 | (code_point >> shift & 0x3F));
  };
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  if (code_point < 0x800) return {static_cast<char>(0xC0 | code_point >> 6), tail(0)};
  if (code_point < 0x10000) return {static_cast<char>(0xE0 | code_point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code_point >> 18), tail(12), tail(6), tail(0)};
}

/// One letter per unit of `text`: c(haracter), u(nfinished) or i(nvalid), and its length.
std::string units(std::string_view text) {
  std::string units;
  while (!text.empty()) {
    const Utf8Unit unit = front_unit(text);
    units += "cui"[static_cast<int>(unit.kind)];
    units += std::to_string(unit.bytes);
    text.remove_prefix(unit.bytes);
  }
  return units;
}

TEST(Utf8, TakesEveryCodePointButSurrogatesForACharacter) {
  for (std::uint32_t code_point = 0; code_point < 0x120000; ++code_point) {
    const bool is_character = (code_point < 0xD800 || code_point > 0xDFFF) && code_point <= 0x10FFFF;
    const std::string bytes = encoded(code_point);
    const Utf8Unit unit = front_unit(bytes);
    ASSERT_EQ(unit.kind == Utf8::character, is_character) << "U+" << std::hex << code_point;
    ASSERT_EQ(unit.bytes, is_character ? bytes.size() : 1) << "U+" << std::hex << code_point;
  }
}

TEST(Utf8, CallsEveryProperStartOfACharacterUnfinished) {
  for (const std::uint32_t code_point :
       {0x80U, 0x7FFU, 0x800U, 0xD7FFU, 0xE000U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    const std::string bytes = encoded(code_point);
    for (std::size_t length = 1; length < bytes.size(); ++length) {
      const Utf8Unit unit = front_unit(std::string_view(bytes).substr(0, length));
      EXPECT_EQ(unit.kind, Utf8::unfinished);
      EXPECT_EQ(unit.bytes, length);
    }
  }
}

TEST(Utf8, RefusesOverlongForms) {
  EXPECT_EQ(units("\xC0\x80"), "i1i1");
  EXPECT_EQ(units("\xC1\xBF"), "i1i1");
  EXPECT_EQ(units("\xE0\x9F\xBF"), "i1i1i1");
  EXPECT_EQ(units("\xF0\x8F\xBF\xBF"), "i1i1i1i1");
}

// The examples of the Unicode Standard, section 3.9, "U+FFFD Substitution of Maximal Subparts".
TEST(Utf8, CutsIllFormedTextIntoMaximalSubparts) {
  EXPECT_EQ(units("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), "i1i1i1i1i1i1i1i1c1");
  EXPECT_EQ(units("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), "i1i1i1i1i1i1i1i1c1");
  EXPECT_EQ(units("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), "i1i1i1i1i1c1i1i1c1");
  EXPECT_EQ(units("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "i2i1i3i2c1");
}

TEST(Utf8, MeasuresTheValidAndTheInvalidFront) {
  EXPECT_EQ(valid_prefix("a\u00e9\xFF"), 3U);
  EXPECT_EQ(invalid_prefix("\xFF\xE4\xB8"
                           "a"),
            3U);
  EXPECT_EQ(valid_prefix(""), 0U);
  EXPECT_EQ(invalid_prefix(""), 0U);
  EXPECT_EQ(invalid_prefix("a"), 0U);
  EXPECT_EQ(valid_prefix("a\xE4\xB8"), 1U) << "an unfinished character is none";
  EXPECT_TRUE(is_utf8(""));
  EXPECT_FALSE(is_utf8("a\xE4\xB8"));
}

}  // namespace
}  // namespace yoke
