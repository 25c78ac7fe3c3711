// Characters as Python sees them. All text here is well-formed UTF-8.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace yoke::jinja {

struct Character {
  char32_t code;
  std::size_t bytes;  // its length in UTF-8
};
/// The character at the front of `text`, which must not be empty.
Character front_character(std::string_view text);

std::u32string to_characters(std::string_view text);
void append_character(char32_t character, std::string& text);
std::size_t count_characters(std::string_view text);

bool is_space(char32_t character);       // str.isspace
bool is_printable(char32_t character);   // str.isprintable
bool is_alphabetic(char32_t character);  // str.isalpha
bool is_identifier(char32_t character);  // what a name may consist of: \w

// One character for one character, as Unicode's simple mappings have it; only a sharp s becomes SS.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string capitalized(std::string_view text);  // the first character in title case, the others lower

enum class Side { left, right, both };
/// Without the characters at its ends that are among `characters`; white space where none are given.
std::string_view stripped(std::string_view text, Side side,
                          std::optional<std::string_view> characters = std::nullopt);

}  // namespace yoke::jinja
