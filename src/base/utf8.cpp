#include "base/utf8.h"

#include <cassert>

namespace yoke {

Utf8Unit front_unit(std::string_view text) {
  assert(!text.empty());
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {Utf8::character, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Utf8::invalid, 1};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

  // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  unsigned lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {Utf8::unfinished, i};
    if (byte(i) < lowest || byte(i) > highest) return {Utf8::invalid, i};
    lowest = 0x80;
    highest = 0xBF;
  }
  return {Utf8::character, length};
}

std::size_t valid_prefix(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const Utf8Unit unit = front_unit(text.substr(length));
    if (unit.kind != Utf8::character) break;
    length += unit.bytes;
  }
  return length;
}

std::size_t invalid_prefix(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const Utf8Unit unit = front_unit(text.substr(length));
    if (unit.kind == Utf8::character) break;
    length += unit.bytes;
  }
  return length;
}

}  // namespace yoke
