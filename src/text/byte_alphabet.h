// GPT-2's alphabet for bytes. A byte-level vocabulary is written in text, so each of the 256 bytes has a
// printable character that stands for it: the printable ones of Latin-1 for themselves, the other 68 in
// ascending order U+0100 and up (a space is "Ġ", a line feed "Ċ").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yoke::text {

/// The character, in UTF-8, that stands for `byte`.
std::string stand_in(std::uint8_t byte);

/// The bytes for which the characters of `token` (well-formed UTF-8) stand; nothing where one of them is no
/// stand-in.
std::optional<std::string> bytes_behind(std::string_view token);

}  // namespace yoke::text
