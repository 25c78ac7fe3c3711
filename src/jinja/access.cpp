#include "jinja/access.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "jinja/characters.h"
#include "jinja/methods.h"

namespace yoke::jinja {
namespace {

Value missing(const Value& value, std::string_view name) {
  return Value::undefined(fmt::format("{} has no '{}'", value.kind(), printable(name)));
}

std::optional<Value> attribute_of_loop(const Loop& loop, std::string_view name) {
  const auto at = [&](std::size_t i) {
    return i < loop.items.size() ? loop.items[i] : Value::undefined("there is no such iteration");
  };
  const auto integer = [](std::size_t value) { return Value::integer(static_cast<std::int64_t>(value)); };
  const std::size_t n = loop.items.size();
  if (name == "index") return integer(loop.index + 1);
  if (name == "index0") return integer(loop.index);
  if (name == "revindex") return integer(n - loop.index);
  if (name == "revindex0") return integer(n - loop.index - 1);
  if (name == "first") return Value::boolean(loop.index == 0);
  if (name == "last") return Value::boolean(loop.index + 1 == n);
  if (name == "length") return integer(n);
  if (name == "depth") return integer(1);  // of recursive loops, which there are not
  if (name == "depth0") return integer(0);
  if (name == "previtem") return at(loop.index - 1);  // of the first: beyond the end
  if (name == "nextitem") return at(loop.index + 1);
  return std::nullopt;
}

/// What Python finds as an attribute.
std::optional<Value> own_attribute(const Value& value, std::string_view name) {
  if (const auto* loop = std::get_if<std::shared_ptr<const Loop>>(&value.storage()))
    return attribute_of_loop(**loop, name);
  if (const auto* name_space = std::get_if<Namespace*>(&value.storage())) {
    const Value* found = (*name_space)->find(name);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  return find_method(value, name);
}

/// Where a negative index counts from the end; nothing where it is out of range.
std::optional<std::size_t> place(std::int64_t index, std::size_t size) {
  const auto n = static_cast<std::int64_t>(size);
  if (index < -n || index >= n) return std::nullopt;
  return static_cast<std::size_t>(index < 0 ? index + n : index);
}

/// What Python finds between brackets.
std::optional<Value> own_item(const Value& value, const Value& key, Budget& budget) {
  if (const Mapping* mapping = value.if_mapping()) {
    budget.spend(1 + mapping->entries.size() / 8);
    const std::string* name = key.if_text();
    const Value* found = name != nullptr ? mapping->find(*name) : mapping->find(key);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  const std::optional<std::int64_t> index = key.if_integer();
  if (!index) return std::nullopt;
  if (const Sequence* sequence = value.if_sequence()) {
    const auto found = place(*index, sequence->items.size());
    return found ? std::optional(sequence->items[*found]) : std::nullopt;
  }
  if (const std::string* text = value.if_text()) {
    budget.spend_bytes(text->size());
    const std::u32string characters = to_characters(*text);
    const auto found = place(*index, characters.size());
    if (!found) return std::nullopt;
    std::string character;
    append_character(characters[*found], character);
    return Value::text(std::move(character));
  }
  return std::nullopt;
}

/// The places that a slice picks, in order. Python reference, "Sequence types": s[i:j:k].
std::vector<std::size_t> sliced(std::size_t size, std::optional<std::int64_t> start,
                                std::optional<std::int64_t> stop, std::int64_t step) {
  const auto n = static_cast<std::int64_t>(size);
  const std::int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? n : n - 1;
  const auto bounded = [&](std::optional<std::int64_t> given, std::int64_t otherwise) {
    if (!given) return otherwise;
    const std::int64_t from_start = *given >= 0 ? *given : std::max(*given, -n - 1) + n;
    return std::clamp(from_start, lowest, highest);
  };
  const std::int64_t first = bounded(start, step > 0 ? 0 : n - 1), last = bounded(stop, step > 0 ? n : -1);
  step = std::clamp(step, -n - 1, n + 1);  // more steps over the end too
  std::vector<std::size_t> places;
  for (std::int64_t i = first; step > 0 ? i < last : i > last; i += step)
    places.push_back(static_cast<std::size_t>(i));
  return places;
}

}  // namespace

Value attribute(const Value& value, std::string_view name, Budget& budget) {
  refuse_undefined(value);
  if (std::optional<Value> found = own_attribute(value, name)) return *std::move(found);
  if (value.if_mapping() != nullptr)
    if (std::optional<Value> found = own_item(value, Value::text(std::string(name)), budget))
      return *std::move(found);
  return missing(value, name);
}

Value item(const Value& value, const Value& key, Budget& budget) {
  refuse_undefined(value);
  if (std::optional<Value> found = own_item(value, key, budget)) return *std::move(found);
  const std::string* name = key.if_text();
  if (name != nullptr)
    if (std::optional<Value> found = own_attribute(value, *name)) return *std::move(found);
  const std::optional<std::int64_t> index = key.if_integer();
  return missing(value, name != nullptr ? *name : index ? std::to_string(*index) : key.kind());
}

Value slice(const Value& value, const Value& start, const Value& stop, const Value& step, Budget& budget) {
  refuse_undefined(value);
  const auto is_bound = [](const Value& bound) { return bound.is_none() || bound.if_integer(); };
  const std::optional<std::int64_t> stride = step.is_none() ? 1 : step.if_integer();
  const std::string* text = value.if_text();
  const Sequence* sequence = value.if_sequence();
  if (!is_bound(start) || !is_bound(stop) || !stride || (text == nullptr && sequence == nullptr))
    return missing(value, "a slice");
  require(*stride != 0, "the step of a slice is 0");

  if (sequence != nullptr) {
    budget.spend(1 + sequence->items.size());
    std::vector<Value> items;
    for (const std::size_t i : sliced(sequence->items.size(), start.if_integer(), stop.if_integer(), *stride))
      items.push_back(sequence->items[i]);
    return sequence->kind == Sequence::Kind::list ? Value::list(std::move(items))
                                                  : Value::tuple(std::move(items));
  }
  budget.spend(1 + text->size() / 8);
  const std::u32string characters = to_characters(*text);
  std::string result;
  for (const std::size_t i : sliced(characters.size(), start.if_integer(), stop.if_integer(), *stride))
    append_character(characters[i], result);
  return Value::text(std::move(result));
}

Value by_path(const Value& value, const Value& path, Budget& budget) {
  const std::string* text = path.if_text();
  if (text == nullptr) return item(value, path, budget);
  Value found = value;
  for (std::string_view rest = *text;;) {
    const std::size_t end = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, end);
    const bool digits =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string_view::npos;
    found =
        item(found, digits ? Value::integer(std::stoll(std::string(part))) : Value::text(std::string(part)),
             budget);
    if (end == rest.size()) return found;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace yoke::jinja
