#include "cli/piece_format.h"

#include <fmt/core.h>

#include "base/utf8.h"

namespace yoke::cli {
namespace {

/// U+0000 to U+001F and U+007F to U+009F: a terminal acts upon them.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string escaped(std::string_view unit) {
  if (unit == "\n") return "\\n";
  if (unit == "\r") return "\\r";
  if (unit == "\t") return "\\t";
  std::string text;
  for (const char byte : unit) text += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
  return text;
}

}  // namespace

std::string escaped_piece(std::string_view piece) {
  std::string text;
  while (!piece.empty()) {
    const Utf8Unit unit = front_unit(piece);
    const std::string_view bytes = piece.substr(0, unit.bytes);
    if (bytes == "\"" || bytes == "\\")
      text.append("\\").append(bytes);
    else if (unit.kind != Utf8::character || is_control(bytes))
      text += escaped(bytes);
    else
      text += bytes;
    piece.remove_prefix(unit.bytes);
  }
  return text;
}

}  // namespace yoke::cli
