// Walking through bytes that are meant to be UTF-8 and may not be.
// The Unicode Standard 15, section 3.9: well-formed sequences (table 3-7) and maximal subparts.
#pragma once

#include <cstddef>
#include <string_view>

namespace yoke {

/// U+FFFD, which stands in text for bytes that are no character.
inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

enum class Utf8 {
  character,   // a well-formed character
  unfinished,  // the start of a character; the text ends before its end
  invalid,     // a maximal subpart: bytes that no continuation makes a character
};

struct Utf8Unit {
  Utf8 kind;
  std::size_t bytes;  // 1 to 4
};

/// What stands at the front of `text`, which must not be empty.
Utf8Unit front_unit(std::string_view text);

/// Length in bytes of the longest front of `text` that consists of characters.
std::size_t valid_prefix(std::string_view text);
/// Length in bytes of the longest front of `text` in which no character stands.
std::size_t invalid_prefix(std::string_view text);

inline bool is_utf8(std::string_view text) { return valid_prefix(text) == text.size(); }

}  // namespace yoke
