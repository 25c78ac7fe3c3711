#include "text/byte_alphabet.h"

#include <array>
#include <cstddef>

#include "base/utf8.h"

namespace yoke::text {
namespace {

constexpr unsigned first_moved = 0x100;
constexpr unsigned n_moved = 68;

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/// Code point by byte.
constexpr auto code_points = [] {
  std::array<std::uint16_t, 256> table{};
  unsigned next = first_moved;
  for (unsigned byte = 0; byte < 256; ++byte)
    table[byte] = static_cast<std::uint16_t>(stands_for_itself(byte) ? byte : next++);
  return table;
}();

constexpr std::int16_t no_byte = -1;

/// Byte by code point.
constexpr auto bytes_by_code_point = [] {
  std::array<std::int16_t, first_moved + n_moved> table{};
  for (auto& byte : table) byte = no_byte;
  for (unsigned byte = 0; byte < 256; ++byte) table[code_points[byte]] = static_cast<std::int16_t>(byte);
  return table;
}();

/// The code point of a UTF-8 character of one or two bytes.
unsigned short_code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first;
  return (first & 0x1FU) << 6 | (static_cast<unsigned char>(character[1]) & 0x3FU);
}

}  // namespace

std::string stand_in(std::uint8_t byte) {
  const unsigned code_point = code_points[byte];
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

std::optional<std::string> bytes_behind(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const std::size_t length = front_unit(token).bytes;
    if (length > 2) return std::nullopt;
    const unsigned code_point = short_code_point(token.substr(0, length));
    if (code_point >= bytes_by_code_point.size() || bytes_by_code_point[code_point] == no_byte)
      return std::nullopt;
    bytes.push_back(static_cast<char>(bytes_by_code_point[code_point]));
    token.remove_prefix(length);
  }
  return bytes;
}

}  // namespace yoke::text
