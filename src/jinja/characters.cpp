#include "jinja/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace yoke::jinja {
namespace {

/// The character at the back of `text`, which is not empty.
Character back(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return front_character(text.substr(begin));
}

utf8proc_category_t category(char32_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character));
}

template <class Map>
std::string mapped(std::string_view text, const Map& map) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t place = 0; place < text.size();) {
    const Character next = front_character(text.substr(place));
    append_character(map(next.code), result);
    place += next.bytes;
  }
  return result;
}

char32_t upper(char32_t c) { return static_cast<char32_t>(utf8proc_toupper(static_cast<int>(c))); }
char32_t lower(char32_t c) { return static_cast<char32_t>(utf8proc_tolower(static_cast<int>(c))); }
char32_t title(char32_t c) { return static_cast<char32_t>(utf8proc_totitle(static_cast<int>(c))); }

}  // namespace

Character front_character(std::string_view text) {
  utf8proc_int32_t code = 0;
  const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                      static_cast<utf8proc_ssize_t>(text.size()), &code);
  assert(bytes > 0);
  return {static_cast<char32_t>(code), static_cast<std::size_t>(bytes)};
}

std::u32string to_characters(std::string_view text) {
  std::u32string characters;
  characters.reserve(text.size());
  while (!text.empty()) {
    const Character next = front_character(text);
    characters += next.code;
    text.remove_prefix(next.bytes);
  }
  return characters;
}

void append_character(char32_t character, std::string& text) {
  std::array<utf8proc_uint8_t, 4> bytes;
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes.data());
  text.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(n));
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F) || c == 0x85 ||
         category(c) == UTF8PROC_CATEGORY_ZS || category(c) == UTF8PROC_CATEGORY_ZL ||
         category(c) == UTF8PROC_CATEGORY_ZP;
}

bool is_printable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

bool is_alphabetic(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_identifier(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return c == '_' || is_alphabetic(c) || (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
}

std::string to_upper(std::string_view text) {
  constexpr char32_t sharp_s = 0xDF;
  std::string result;
  for (const char32_t c : to_characters(text)) {
    if (c == sharp_s)
      result += "SS";
    else
      append_character(upper(c), result);
  }
  return result;
}
std::string to_lower(std::string_view text) { return mapped(text, lower); }

std::string capitalized(std::string_view text) {
  if (text.empty()) return "";
  const Character first = front_character(text);
  std::string result;
  append_character(title(first.code), result);
  return result += to_lower(text.substr(first.bytes));
}

std::string_view stripped(std::string_view text, Side side, std::optional<std::string_view> characters) {
  const std::u32string given = to_characters(characters.value_or(""));
  const auto goes = [&](char32_t c) {
    return characters ? given.find(c) != std::u32string::npos : is_space(c);
  };
  if (side != Side::right)
    while (!text.empty() && goes(front_character(text).code)) text.remove_prefix(front_character(text).bytes);
  if (side != Side::left)
    while (!text.empty() && goes(back(text).code)) text.remove_suffix(back(text).bytes);
  return text;
}

}  // namespace yoke::jinja
