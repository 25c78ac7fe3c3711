#include "text/normal_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <vector>

#include "base/utf8.h"

namespace yoke::text {
namespace {

// U+0300 is the first character that may combine with the one before it or has another canonical order.
constexpr unsigned char first_lead_of_change = 0xCC;

constexpr auto composing = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
constexpr std::size_t longest_decomposition = 8;  // Unicode's longest canonical one has 4 characters

bool is_surely_normal(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char byte) { return static_cast<unsigned char>(byte) < first_lead_of_change; });
}

int combining_class(utf8proc_int32_t character) { return utf8proc_get_property(character)->combining_class; }

std::vector<utf8proc_int32_t> decomposed(std::string_view text) {
  std::vector<utf8proc_int32_t> characters;
  characters.reserve(text.size());
  std::array<utf8proc_int32_t, longest_decomposition> parts;
  int boundary = 0;  // of grapheme clusters, which are not asked for
  while (!text.empty()) {
    utf8proc_int32_t character = 0;
    const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                        static_cast<utf8proc_ssize_t>(text.size()), &character);
    assert(bytes > 0);
    const auto n = utf8proc_decompose_char(character, parts.data(), parts.size(), composing, &boundary);
    assert(n >= 0 && static_cast<std::size_t>(n) <= parts.size());
    characters.insert(characters.end(), parts.begin(), parts.begin() + n);
    text.remove_prefix(static_cast<std::size_t>(bytes));
  }
  return characters;
}

/// utf8proc_decompose sorts by exchanging neighbours: a megabyte of marks would take it hours.
void order_marks(std::vector<utf8proc_int32_t>& characters) {
  const auto is_mark = [](utf8proc_int32_t character) { return combining_class(character) != 0; };
  auto first = characters.begin();
  while ((first = std::find_if(first, characters.end(), is_mark)) != characters.end()) {
    const auto last = std::find_if_not(first, characters.end(), is_mark);
    if (last - first > 1)
      std::stable_sort(first, last, [](utf8proc_int32_t left, utf8proc_int32_t right) {
        return combining_class(left) < combining_class(right);
      });
    first = last;
  }
}

/// `text` is well-formed.
void append_composed(std::string_view text, std::string& out) {
  std::vector<utf8proc_int32_t> characters = decomposed(text);
  order_marks(characters);
  const auto n = utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()),
                                          composing);
  assert(n >= 0);
  for (utf8proc_ssize_t i = 0; i < n; ++i) {
    std::array<utf8proc_uint8_t, 4> bytes;
    const auto length = utf8proc_encode_char(characters[static_cast<std::size_t>(i)], bytes.data());
    out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(length));
  }
}

}  // namespace

std::string_view to_nfc(std::string_view text, std::string& buffer) {
  if (is_surely_normal(text)) return text;
  buffer.clear();
  while (!text.empty()) {
    const std::size_t valid = valid_prefix(text);
    append_composed(text.substr(0, valid), buffer);
    text.remove_prefix(valid);
    const std::size_t invalid = invalid_prefix(text);
    buffer.append(text.substr(0, invalid));
    text.remove_prefix(invalid);
  }
  return buffer;
}

}  // namespace yoke::text
