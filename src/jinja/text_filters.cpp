#include "jinja/text_filters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "jinja/access.h"
#include "jinja/characters.h"
#include "jinja/printing.h"
#include "jinja/text_methods.h"

namespace yoke::jinja {
namespace {

Value safe(const Value& input, ArgumentReader&, Budget& budget) {
  return Value(Value::Storage(std::make_shared<const Text>(Text{to_text(input, budget), true})));
}

Value string(const Value& input, ArgumentReader&, Budget& budget) {
  return input.if_text() != nullptr ? input : Value::text(to_text(input, budget));
}

Value upper(const Value& input, ArgumentReader&, Budget& budget) {
  return Value::text(to_upper(to_text(input, budget)));
}

Value lower(const Value& input, ArgumentReader&, Budget& budget) {
  return Value::text(to_lower(to_text(input, budget)));
}

Value capitalize(const Value& input, ArgumentReader&, Budget& budget) {
  return Value::text(capitalized(to_text(input, budget)));
}

/// Unlike the method, words begin after spaces, hyphens and opening brackets only.
Value title(const Value& input, ArgumentReader&, Budget& budget) {
  std::string result, word;
  for (const char32_t c : to_characters(to_text(input, budget))) {
    append_character(c, word);
    const bool ends = is_space(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
    if (!ends) continue;
    result += capitalized(word);
    word.clear();
  }
  return Value::text(result += capitalized(word));
}

Value trim(const Value& input, ArgumentReader& arguments, Budget& budget) {
  const Value characters = arguments.take_or("chars", Value::none());
  const std::string text = to_text(input, budget);
  if (characters.is_none()) return Value::text(std::string(stripped(text, Side::both)));
  if (characters.if_text() == nullptr) fail("the filter trim needs a string, not {}", characters.kind());
  budget.spend(1 + characters.if_text()->size() * text.size() / 64);
  return Value::text(std::string(stripped(text, Side::both, *characters.if_text())));
}

Value replace(const Value& input, ArgumentReader& arguments, Budget& budget) {
  const std::string old = to_text(arguments.required("old"), budget);
  const std::string by = to_text(arguments.required("new"), budget);
  const Value count = arguments.take_or("count", Value::none());
  if (!count.is_none() && !count.if_integer())
    fail("the filter replace needs an integer as count, not {}", count.kind());
  return Value::text(replaced(to_text(input, budget), old, by, count.if_integer().value_or(-1), budget));
}

Value indent(const Value& input, ArgumentReader& arguments, Budget& budget) {
  const Value width = arguments.take_or("width", Value::integer(4));
  const bool first = arguments.take_flag("first", false);
  const bool blank = arguments.take_flag("blank", false);
  const std::int64_t spaces = std::clamp<std::int64_t>(width.if_integer().value_or(0), 0, 1024);
  if (width.if_text() == nullptr && !width.if_integer())
    fail("the filter indent needs an integer or a string, not {}", width.kind());
  const std::string margin = width.if_text() != nullptr ? *width.if_text() : std::string(spaces, ' ');

  const std::string text = to_text(input, budget);
  const auto breaks = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  budget.spend_bytes(text.size() + (breaks + 1) * margin.size());
  std::string result;
  for (std::size_t begin = 0, line = 0; begin <= text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if ((line == 0 && first) || (line > 0 && (blank || end > begin))) result += margin;
    result.append(text, begin, end - begin);
    if (end < text.size()) result += '\n';
    begin = end + 1;
  }
  return Value::text(std::move(result));
}

Value join(const Value& input, ArgumentReader& arguments, Budget& budget) {
  const std::string separator = to_text(arguments.take_or("d", Value::text("")), budget);
  const std::optional<Value> name = arguments.take("attribute");
  std::string result;
  bool first = true;
  for (const Value& one : elements(input, budget)) {
    budget.spend_bytes(separator.size());
    if (!first) result += separator;
    result += to_text(name && !name->is_none() ? by_path(one, *name, budget) : one, budget);
    first = false;
  }
  return Value::text(std::move(result));
}

Value tojson(const Value& input, ArgumentReader& arguments, Budget& budget) {
  JsonStyle style;
  style.ascii_only = arguments.take_flag("ensure_ascii", false);
  const Value indent = arguments.take_or("indent", Value::none());
  const Value separators = arguments.take_or("separators", Value::none());
  style.sorted_keys = arguments.take_flag("sort_keys", false);
  if (const auto width = indent.if_integer()) {
    style.indent = std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(*width, 0, 64)), ' ');
  } else if (indent.if_text() != nullptr) {
    style.indent = *indent.if_text();
  } else if (!indent.is_none()) {
    fail("the filter tojson needs an integer or a string as indent, not {}", indent.kind());
  }
  style.pretty = !indent.is_none();
  if (style.pretty) style.between_items.pop_back();  // the line break stands for the space
  if (!separators.is_none()) {
    const Sequence* pair = separators.if_sequence();
    const bool good = pair != nullptr && pair->items.size() == 2 && pair->items[0].if_text() != nullptr &&
                      pair->items[1].if_text() != nullptr;
    if (!good) fail("the filter tojson needs two strings as separators, not {}", separators.kind());
    style.between_items = *pair->items[0].if_text();
    style.after_key = *pair->items[1].if_text();
  }
  return Value::text(to_json(input, style, budget));
}

std::optional<std::int64_t> parse_integer(std::string_view text, int base) {
  text = stripped(text, Side::both);
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  text = stripped(text, Side::both);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> truncated(std::optional<double> value) {
  if (!value || !(std::abs(*value) < 9.2e18)) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

Value to_int(const Value& input, ArgumentReader& arguments, Budget&) {
  Value otherwise = arguments.take_or("default", Value::integer(0));
  const std::int64_t base = arguments.take_integer("base", 10);
  require(base >= 2 && base <= 36, "the filter int has the base {}; bases are 2 to 36", base);
  refuse_undefined(input);
  std::optional<std::int64_t> value;
  if (const std::string* text = input.if_text()) {
    value = parse_integer(*text, static_cast<int>(base));
    if (!value) value = truncated(parse_number(*text));
  } else {
    value = input.if_integer() ? input.if_integer() : truncated(input.if_number());
  }
  return value ? Value::integer(*value) : otherwise;
}

Value to_float(const Value& input, ArgumentReader& arguments, Budget&) {
  Value otherwise = arguments.take_or("default", Value::number(0));
  refuse_undefined(input);
  const std::optional<double> value =
      input.if_text() != nullptr ? parse_number(*input.if_text()) : input.if_number();
  return value ? Value::number(*value) : otherwise;
}

double required_number(const Value& input, std::string_view filter) {
  refuse_undefined(input);
  const std::optional<double> value = input.if_number();
  if (!value) fail("the filter {} needs a number, not {}", filter, input.kind());
  return *value;
}

Value absolute(const Value& input, ArgumentReader&, Budget&) {
  const double value = required_number(input, "abs");
  const std::optional<std::int64_t> integer = input.if_integer();
  if (!integer) return Value::number(std::abs(value));
  require(*integer != std::numeric_limits<std::int64_t>::min(), "the integer {} has no opposite", *integer);
  return Value::integer(std::abs(*integer));
}

Value round(const Value& input, ArgumentReader& arguments, Budget&) {
  const std::int64_t precision = std::clamp<std::int64_t>(arguments.take_integer("precision", 0), -300, 300);
  const Value method = arguments.take_or("method", Value::text("common"));
  const std::string how = method.if_text() == nullptr ? "" : *method.if_text();
  const double value = required_number(input, "round");
  if (how == "common" && precision >= 0 && input.if_integer()) return Value::integer(*input.if_integer());
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (how == "ceil") return Value::number(std::ceil(value * scale) / scale);
  if (how == "floor") return Value::number(std::floor(value * scale) / scale);
  require(how == "common", "the filter round knows the methods common, ceil and floor only");
  // Halves to even, and decided by the exact decimal expansion, as Python does.
  if (precision < 0) {
    const double rounded = std::nearbyint(value * scale) / scale;
    return input.if_integer() ? Value::integer(static_cast<std::int64_t>(rounded)) : Value::number(rounded);
  }
  return Value::number(*parse_number(fmt::format("{:.{}f}", value, precision)));
}

constexpr std::array<std::pair<std::string_view, Filter>, 15> filters = {{
    {"safe", safe},
    {"string", string},
    {"upper", upper},
    {"lower", lower},
    {"capitalize", capitalize},
    {"title", title},
    {"trim", trim},
    {"replace", replace},
    {"indent", indent},
    {"join", join},
    {"tojson", tojson},
    {"int", to_int},
    {"float", to_float},
    {"abs", absolute},
    {"round", round},
}};

}  // namespace

std::span<const std::pair<std::string_view, Filter>> text_filters() { return filters; }

}  // namespace yoke::jinja
