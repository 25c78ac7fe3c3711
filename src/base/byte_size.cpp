#include "base/byte_size.h"

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/printable.h"

namespace yoke {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 5> units{
    {{"B", 1.0}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}}};
constexpr double most = 1e18;

std::string upper(std::string_view text) {
  std::string result;
  for (const char c : text) result += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

/// 0 where there is no such unit.
double unit_named(std::string_view name) {
  for (const auto& [unit, bytes] : units) {
    if (upper(name) == unit) return bytes;
  }
  return 0;
}

}  // namespace

std::uint64_t parse_byte_size(std::string_view text) {
  const char* const end = text.data() + text.size();
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const std::string_view after(rest, static_cast<std::size_t>(end - rest));
  const double unit = unit_named(after.starts_with(' ') ? after.substr(1) : after);
  const double bytes = number * unit;
  require(error == std::errc() && unit > 0 && bytes >= 1 && bytes <= most,
          "'{}' is no size; expected a number and B, KB, MB, GB or TB, like 64GB", printable(text));
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace yoke
