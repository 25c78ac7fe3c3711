#include "jinja/value.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "jinja/characters.h"
#include "jinja/methods.h"

namespace yoke::jinja {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

std::uint32_t one_deeper(std::uint32_t deepest) {
  require(deepest < max_depth, "lists and mappings lie in each other more than {} levels deep", max_depth);
  return deepest + 1;
}

template <class T>
bool same_pointer(const Value::Storage& left, const Value::Storage& right) {
  return std::get<T>(left) == std::get<T>(right);
}

bool equal_items(const std::vector<Value>& left, const std::vector<Value>& right, Budget& budget) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(),
                    [&](const Value& one, const Value& other) { return equals(one, other, budget); });
}

bool equal_mappings(const Mapping& left, const Mapping& right, Budget& budget) {
  if (left.entries.size() != right.entries.size()) return false;
  budget.spend(left.entries.size() * (1 + right.entries.size() / 8));
  return std::all_of(left.entries.begin(), left.entries.end(), [&](const auto& entry) {
    const Value* other = right.find(entry.first);
    return other != nullptr && equals(entry.second, *other, budget);
  });
}

template <class T>
int order(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

}  // namespace

const Value* Mapping::find(const Value& key) const {
  if (const std::string* name = key.if_text()) return find(*name);
  if (key.depth() > 0) return nullptr;  // no container is a key
  Budget budget{Limits{}};              // what is no container costs nothing to speak of
  for (const auto& [other, value] : entries)
    if (equals(other, key, budget)) return &value;
  return nullptr;
}

const Value* Mapping::find(std::string_view key) const {
  for (const auto& [other, value] : entries) {
    const std::string* name = other.if_text();
    if (name != nullptr && *name == key) return &value;
  }
  return nullptr;
}

const Value* Namespace::find(std::string_view name) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [name](const auto& attribute) { return attribute.first == name; });
  return found == attributes.end() ? nullptr : &found->second;
}

Value Value::undefined(std::string why) {
  return Value(Storage(Undefined{std::make_shared<const std::string>(std::move(why))}));
}

Value Value::text(std::string bytes) {
  return Value(Storage(std::make_shared<const Text>(Text{std::move(bytes)})));
}

Value Value::sequence(Sequence::Kind kind, std::vector<Value> items) {
  const std::uint32_t depth = depth_over(items);
  return Value(Storage(std::make_shared<const Sequence>(Sequence{kind, std::move(items), depth})));
}

Value Value::mapping(std::vector<std::pair<Value, Value>> entries) {
  std::uint32_t deepest = 0;
  for (const auto& [key, value] : entries) deepest = std::max({deepest, key.depth(), value.depth()});
  return Value(Storage(std::make_shared<const Mapping>(Mapping{std::move(entries), one_deeper(deepest)})));
}

Value Value::generator(std::vector<Value> items) {
  const std::uint32_t depth = depth_over(items);
  return Value(Storage(std::make_shared<Generator>(Generator{std::move(items), 0, depth})));
}

const std::string* Value::if_text() const {
  const auto* text = std::get_if<std::shared_ptr<const Text>>(&storage_);
  return text == nullptr ? nullptr : &(*text)->bytes;
}

const Sequence* Value::if_sequence() const {
  const auto* sequence = std::get_if<std::shared_ptr<const Sequence>>(&storage_);
  return sequence == nullptr ? nullptr : sequence->get();
}

const Mapping* Value::if_mapping() const {
  const auto* mapping = std::get_if<std::shared_ptr<const Mapping>>(&storage_);
  return mapping == nullptr ? nullptr : mapping->get();
}

std::optional<std::int64_t> Value::if_integer() const {
  if (const auto* integer = std::get_if<std::int64_t>(&storage_)) return *integer;
  if (const auto* boolean = std::get_if<bool>(&storage_)) return *boolean ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Value::if_number() const {
  if (const auto* number = std::get_if<double>(&storage_)) return *number;
  if (const auto integer = if_integer()) return static_cast<double>(*integer);
  return std::nullopt;
}

bool Value::is_true() const {
  return std::visit(
      Overloaded{[](const Undefined&) { return false; }, [](None) { return false; },
                 [](bool value) { return value; }, [](std::int64_t value) { return value != 0; },
                 [](double value) { return value != 0; },
                 [](const std::shared_ptr<const Text>& text) { return !text->bytes.empty(); },
                 [](const std::shared_ptr<const Sequence>& list) { return !list->items.empty(); },
                 [](const std::shared_ptr<const Mapping>& map) { return !map->entries.empty(); },
                 [](const auto&) { return true; }},
      storage_);
}

std::uint32_t Value::depth() const {
  return std::visit(Overloaded{[](const std::shared_ptr<const Sequence>& list) { return list->depth; },
                               [](const std::shared_ptr<const Mapping>& mapping) { return mapping->depth; },
                               [](const std::shared_ptr<Generator>& generator) { return generator->depth; },
                               [](const std::shared_ptr<const Loop>& loop) { return loop->depth; },
                               [](const std::shared_ptr<const Method>& method) { return method->depth; },
                               [](const auto&) { return std::uint32_t{0}; }},
                    storage_);
}

std::string_view Value::kind() const {
  return std::visit(Overloaded{[](const Undefined&) { return "an undefined value"; },
                               [](None) { return "none"; }, [](bool) { return "a boolean"; },
                               [](std::int64_t) { return "an integer"; }, [](double) { return "a number"; },
                               [](const std::shared_ptr<const Text>&) { return "a string"; },
                               [](const std::shared_ptr<const Sequence>& sequence) {
                                 return sequence->kind == Sequence::Kind::list ? "a list" : "a tuple";
                               },
                               [](const std::shared_ptr<const Mapping>&) { return "a mapping"; },
                               [](const std::shared_ptr<Generator>&) { return "a generator"; },
                               [](Namespace*) { return "a namespace"; },
                               [](const std::shared_ptr<const Loop>&) { return "the loop"; },
                               [](const std::shared_ptr<const Macro>&) { return "a macro"; },
                               [](const std::shared_ptr<const Method>&) { return "a method"; },
                               [](Builtin) { return "a function"; }},
                    storage_);
}

std::uint32_t depth_over(const std::vector<Value>& items) {
  std::uint32_t deepest = 0;
  for (const Value& item : items) deepest = std::max(deepest, item.depth());
  return one_deeper(deepest);
}

void refuse_undefined(const Value& value) {
  const auto* undefined = std::get_if<Undefined>(&value.storage());
  if (undefined != nullptr) fail("{}", undefined->why ? *undefined->why : "a value is undefined");
}

bool equals(const Value& left, const Value& right, Budget& budget) {
  budget.spend(1);
  if (left.if_integer() && right.if_integer()) return *left.if_integer() == *right.if_integer();
  if (left.if_number() && right.if_number()) return *left.if_number() == *right.if_number();
  if (left.storage().index() != right.storage().index()) return false;
  return std::visit(
      Overloaded{[](const Undefined&) { return true; }, [](None) { return true; },
                 [&](const std::shared_ptr<const Text>& text) {
                   budget.spend_bytes(text->bytes.size());
                   return text->bytes == *right.if_text();
                 },
                 [&](const std::shared_ptr<const Sequence>& sequence) {
                   const Sequence& other = *right.if_sequence();
                   return sequence->kind == other.kind && equal_items(sequence->items, other.items, budget);
                 },
                 [&](const std::shared_ptr<const Mapping>& mapping) {
                   return equal_mappings(*mapping, *right.if_mapping(), budget);
                 },
                 [&](const auto& one) {
                   return same_pointer<std::decay_t<decltype(one)>>(left.storage(), right.storage());
                 }},
      left.storage());
}

int compare(const Value& left, const Value& right, Budget& budget) {
  refuse_undefined(left);
  refuse_undefined(right);
  budget.spend(1);
  if (left.if_integer() && right.if_integer()) return order(*left.if_integer(), *right.if_integer());
  if (left.if_number() && right.if_number()) return order(*left.if_number(), *right.if_number());
  const std::string* text = left.if_text();
  if (text != nullptr && right.if_text() != nullptr) {
    budget.spend_bytes(text->size());
    return order(*text, *right.if_text());  // UTF-8 has the order of its characters
  }
  const Sequence* one = left.if_sequence();
  const Sequence* other = right.if_sequence();
  if (one == nullptr || other == nullptr || one->kind != other->kind)
    fail("{} and {} have no order", left.kind(), right.kind());
  const std::size_t shared = std::min(one->items.size(), other->items.size());
  for (std::size_t i = 0; i < shared; ++i)
    if (!equals(one->items[i], other->items[i], budget))
      return compare(one->items[i], other->items[i], budget);
  return order(one->items.size(), other->items.size());
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (const std::string* text = container.if_text()) {
    const std::string* part = item.if_text();
    if (part == nullptr) fail("{} is looked for in a string", item.kind());
    budget.spend_bytes(text->size());
    return text->find(*part) != std::string::npos;
  }
  if (const Mapping* mapping = container.if_mapping()) {
    budget.spend(1 + mapping->entries.size());
    return mapping->find(item) != nullptr;
  }
  const std::vector<Value> items = elements(container, budget);
  return std::any_of(items.begin(), items.end(), [&](const Value& one) { return equals(one, item, budget); });
}

std::vector<Value> elements(const Value& value, Budget& budget) {
  std::vector<Value> items;
  if (value.is_undefined()) return items;
  if (const Sequence* sequence = value.if_sequence()) {
    budget.spend(sequence->items.size());
    return sequence->items;
  }
  if (const Mapping* mapping = value.if_mapping()) {
    budget.spend(mapping->entries.size());
    for (const auto& entry : mapping->entries) items.push_back(entry.first);
    return items;
  }
  if (const std::string* text = value.if_text()) {
    budget.spend(4 * text->size());  // each character becomes a value
    for (const char32_t character : to_characters(*text)) {
      std::string one;
      append_character(character, one);
      items.push_back(Value::text(std::move(one)));
    }
    return items;
  }
  if (const auto* generator = std::get_if<std::shared_ptr<Generator>>(&value.storage())) {
    Generator& source = **generator;
    budget.spend(source.items.size() - source.next);
    items.assign(source.items.begin() + static_cast<std::ptrdiff_t>(source.next), source.items.end());
    source.next = source.items.size();
    return items;
  }
  fail("{} has no elements to go through", value.kind());
}

std::int64_t length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const Sequence* sequence = value.if_sequence())
    return static_cast<std::int64_t>(sequence->items.size());
  if (const Mapping* mapping = value.if_mapping()) return static_cast<std::int64_t>(mapping->entries.size());
  if (const std::string* text = value.if_text()) return static_cast<std::int64_t>(count_characters(*text));
  fail("{} has no length", value.kind());
}

}  // namespace yoke::jinja
