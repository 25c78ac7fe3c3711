#include "jinja/text_methods.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/error.h"
#include "jinja/characters.h"
#include "jinja/printing.h"

namespace yoke::jinja {
namespace {

using Pieces = std::vector<std::string_view>;

const std::string& bytes(const Value& self) { return *self.if_text(); }

Value to_value(std::string_view text) { return Value::text(std::string(text)); }

template <Side side>
Value strip(const Value& self, ArgumentReader& arguments, Budget& budget) {
  const std::optional<Value> given = arguments.take("chars");
  std::optional<std::string> characters;
  if (given && !given->is_none()) {
    refuse_undefined(*given);
    if (given->if_text() == nullptr) fail("strip() needs a string, not {}", given->kind());
    characters = *given->if_text();
    budget.spend(1 + characters->size() * bytes(self).size() / 64);
  }
  return to_value(stripped(bytes(self), side, characters));
}

struct Word {
  std::size_t begin, end;
};

/// What stands between white space.
std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  bool within = false;
  for (std::size_t place = 0; place < text.size();) {
    const Character next = front_character(text.substr(place));
    const bool space = is_space(next.code);
    if (!space && !within) words.push_back({place, place});
    place += next.bytes;
    if (!space) words.back().end = place;
    within = !space;
  }
  return words;
}

/// The piece that is left over keeps its white space at the outer end, as in Python.
Pieces split_at_spaces(std::string_view text, std::size_t most, bool from_right) {
  const std::vector<Word> words = words_of(text);
  const std::size_t n = std::min(words.size(), most);  // words that stand alone
  const std::size_t first = from_right ? words.size() - n : 0;
  Pieces pieces;
  if (from_right && first > 0) pieces.push_back(text.substr(0, words[first - 1].end));
  for (std::size_t i = first; i < first + n; ++i)
    pieces.push_back(text.substr(words[i].begin, words[i].end - words[i].begin));
  if (!from_right && n < words.size()) pieces.push_back(text.substr(words[n].begin));
  return pieces;
}

Pieces split_at(std::string_view text, std::string_view separator, std::size_t most) {
  Pieces pieces;
  std::size_t end = 0;
  while (pieces.size() < most && (end = text.find(separator)) != std::string_view::npos) {
    pieces.push_back(text.substr(0, end));
    text.remove_prefix(end + separator.size());
  }
  pieces.push_back(text);
  return pieces;
}

Pieces split_at_from_right(std::string_view text, std::string_view separator, std::size_t most) {
  Pieces pieces;
  std::size_t begin = 0;
  while (pieces.size() < most && (begin = text.rfind(separator)) != std::string_view::npos) {
    pieces.push_back(text.substr(begin + separator.size()));
    text = text.substr(0, begin);
  }
  pieces.push_back(text);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

Value to_list(const Pieces& pieces, Budget& budget) {
  budget.spend(4 * pieces.size());
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (const std::string_view piece : pieces) items.push_back(to_value(piece));
  return Value::list(std::move(items));
}

template <bool from_right>
Value split(const Value& self, ArgumentReader& arguments, Budget& budget) {
  const std::string& text = bytes(self);
  const Value separator = arguments.take_or("sep", Value::none());
  const std::int64_t most = arguments.take_integer("maxsplit", -1);
  const std::size_t limit =
      most < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(most);
  budget.spend_bytes(text.size());
  if (separator.is_none()) return to_list(split_at_spaces(text, limit, from_right), budget);
  refuse_undefined(separator);
  const std::string* at = separator.if_text();
  if (at == nullptr) fail("split() needs a string, not {}", separator.kind());
  require(!at->empty(), "split() needs a separator that is not empty");
  return to_list(from_right ? split_at_from_right(text, *at, limit) : split_at(text, *at, limit), budget);
}

/// Only at \n, \r and \r\n, the line ends that occur in text for models.
Value splitlines(const Value& self, ArgumentReader&, Budget& budget) {
  std::string_view text = bytes(self);
  budget.spend_bytes(text.size());
  Pieces lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<std::size_t>(1, text.size()));
  }
  return to_list(lines, budget);
}

/// startswith and endswith take one string or a tuple of them.
template <class Test>
Value any_of(ArgumentReader& arguments, const Test& test) {
  const Value given = arguments.required("prefix");
  refuse_undefined(given);
  if (const std::string* text = given.if_text()) return Value::boolean(test(*text));
  const Sequence* several = given.if_sequence();
  if (several == nullptr || several->kind != Sequence::Kind::tuple)
    fail("startswith() and endswith() need a string or a tuple of strings, not {}", given.kind());
  for (const Value& one : several->items) {
    if (one.if_text() == nullptr) fail("startswith() and endswith() need strings, not {}", one.kind());
    if (test(*one.if_text())) return Value::boolean(true);
  }
  return Value::boolean(false);
}

Value startswith(const Value& self, ArgumentReader& arguments, Budget&) {
  return any_of(arguments, [&](const std::string& start) { return bytes(self).starts_with(start); });
}

Value endswith(const Value& self, ArgumentReader& arguments, Budget&) {
  return any_of(arguments, [&](const std::string& end) { return bytes(self).ends_with(end); });
}

Value replace(const Value& self, ArgumentReader& arguments, Budget& budget) {
  const std::string old = arguments.required_text("old");
  const std::string by = arguments.required_text("new");
  return Value::text(replaced(bytes(self), old, by, arguments.take_integer("count", -1), budget));
}

Value upper(const Value& self, ArgumentReader&, Budget&) { return Value::text(to_upper(bytes(self))); }
Value lower(const Value& self, ArgumentReader&, Budget&) { return Value::text(to_lower(bytes(self))); }
Value capitalize(const Value& self, ArgumentReader&, Budget&) {
  return Value::text(capitalized(bytes(self)));
}

/// Each run of letters like a name.
Value title(const Value& self, ArgumentReader&, Budget& budget) {
  budget.spend(1 + bytes(self).size() / 8);
  std::string result, word;
  for (const char32_t c : to_characters(bytes(self))) {
    if (is_alphabetic(c)) {
      append_character(c, word);
    } else {
      result += capitalized(word);
      word.clear();
      append_character(c, result);
    }
  }
  return Value::text(result += capitalized(word));
}

template <bool from_right>
Value find(const Value& self, ArgumentReader& arguments, Budget&) {
  const std::string part = arguments.required_text("sub");
  const std::string& text = bytes(self);
  const std::size_t place = from_right ? text.rfind(part) : text.find(part);
  if (place == std::string::npos) return Value::integer(-1);
  return Value::integer(static_cast<std::int64_t>(count_characters(std::string_view(text).substr(0, place))));
}

Value count(const Value& self, ArgumentReader& arguments, Budget&) {
  const std::string part = arguments.required_text("sub");
  const std::string& text = bytes(self);
  if (part.empty()) return Value::integer(static_cast<std::int64_t>(count_characters(text)) + 1);
  std::int64_t n = 0;
  for (std::size_t place = 0; (place = text.find(part, place)) != std::string::npos; place += part.size())
    ++n;
  return Value::integer(n);
}

Value join(const Value& self, ArgumentReader& arguments, Budget& budget) {
  std::string result;
  bool first = true;
  for (const Value& item : elements(arguments.required("iterable"), budget)) {
    if (item.if_text() == nullptr) fail("join() needs strings, not {}", item.kind());
    budget.spend_bytes(bytes(self).size() + item.if_text()->size());
    if (!first) result += bytes(self);
    result += *item.if_text();
    first = false;
  }
  return Value::text(std::move(result));
}

template <class Test>
Value all_are(const Value& self, const Test& test) {
  const std::u32string characters = to_characters(bytes(self));
  return Value::boolean(!characters.empty() && std::all_of(characters.begin(), characters.end(), test));
}

Value isdigit(const Value& self, ArgumentReader&, Budget&) {
  return all_are(self, [](char32_t c) { return c >= '0' && c <= '9'; });
}
Value isalpha(const Value& self, ArgumentReader&, Budget&) { return all_are(self, is_alphabetic); }
Value isspace(const Value& self, ArgumentReader&, Budget&) { return all_are(self, is_space); }

Value removeprefix(const Value& self, ArgumentReader& arguments, Budget&) {
  const std::string prefix = arguments.required_text("prefix");
  std::string_view text = bytes(self);
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return to_value(text);
}

Value removesuffix(const Value& self, ArgumentReader& arguments, Budget&) {
  const std::string suffix = arguments.required_text("suffix");
  std::string_view text = bytes(self);
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return to_value(text);
}

constexpr std::array<std::pair<std::string_view, MethodFunction>, 22> methods = {{
    {"strip", strip<Side::both>},
    {"lstrip", strip<Side::left>},
    {"rstrip", strip<Side::right>},
    {"split", split<false>},
    {"rsplit", split<true>},
    {"splitlines", splitlines},
    {"startswith", startswith},
    {"endswith", endswith},
    {"replace", replace},
    {"upper", upper},
    {"lower", lower},
    {"capitalize", capitalize},
    {"title", title},
    {"find", find<false>},
    {"rfind", find<true>},
    {"count", count},
    {"join", join},
    {"isdigit", isdigit},
    {"isalpha", isalpha},
    {"isspace", isspace},
    {"removeprefix", removeprefix},
    {"removesuffix", removesuffix},
}};

/// Where `old` is empty, `by` stands before every character and at the end.
std::string interspersed(const std::string& text, const std::string& by, std::size_t most) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool within = i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
    if (!within && done < most) {
      result += by;
      ++done;
    }
    if (i < text.size()) result += text[i];
  }
  return result;
}

}  // namespace

std::span<const std::pair<std::string_view, MethodFunction>> text_methods() { return methods; }

std::string replaced(const std::string& text, const std::string& old, const std::string& by,
                     std::int64_t count, Budget& budget) {
  const std::size_t most =
      count < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(count);
  const std::size_t places = 1 + text.size() / std::max<std::size_t>(old.size(), 1);
  budget.spend_bytes(text.size() + std::min(most, places) * by.size());
  if (old.empty()) return interspersed(text, by, most);
  std::string result;
  std::size_t begin = 0, end = 0;
  for (std::size_t i = 0; i < most && (end = text.find(old, begin)) != std::string::npos; ++i) {
    result.append(text, begin, end - begin).append(by);
    begin = end + old.size();
  }
  return result.append(text, begin);
}

}  // namespace yoke::jinja
