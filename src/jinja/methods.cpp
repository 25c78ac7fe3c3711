#include "jinja/methods.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "jinja/text_methods.h"

namespace yoke::jinja {
namespace {

const Mapping& entries(const Value& self) { return *self.if_mapping(); }

Value get(const Value& self, ArgumentReader& arguments, Budget& budget) {
  const Value key = arguments.required("key");
  const Value otherwise = arguments.take_or("default", Value::none());
  budget.spend(1 + entries(self).entries.size() / 8);
  const Value* found = entries(self).find(key);
  return found == nullptr ? otherwise : *found;
}

Value items(const Value& self, ArgumentReader&, Budget& budget) {
  std::vector<Value> pairs;
  budget.spend(2 * entries(self).entries.size());
  for (const auto& [key, value] : entries(self).entries) pairs.push_back(Value::tuple({key, value}));
  return Value::list(std::move(pairs));
}

Value keys(const Value& self, ArgumentReader&, Budget& budget) { return Value::list(elements(self, budget)); }

Value values(const Value& self, ArgumentReader&, Budget& budget) {
  std::vector<Value> list;
  budget.spend(entries(self).entries.size());
  for (const auto& [key, value] : entries(self).entries) list.push_back(value);
  return Value::list(std::move(list));
}

Value copy(const Value& self, ArgumentReader&, Budget&) { return self; }

using Entry = std::pair<std::string_view, MethodFunction>;

constexpr std::array<Entry, 5> mapping_methods = {
    {{"get", get}, {"items", items}, {"keys", keys}, {"values", values}, {"copy", copy}}};

// Those with which Python changes a value in place. Hugging Face's sandbox knows them as unsafe.
constexpr std::array<std::string_view, 5> changing_mappings = {"clear", "pop", "popitem", "setdefault",
                                                               "update"};
constexpr std::array<std::string_view, 8> changing_lists = {"append", "clear",  "extend",  "insert",
                                                            "pop",    "remove", "reverse", "sort"};

bool has(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Entry* find_entry(std::span<const Entry> methods, std::string_view name) {
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [name](const Entry& entry) { return entry.first == name; });
  return found == methods.end() ? nullptr : &*found;
}

std::optional<Value> bound(std::span<const Entry> methods, const Value& self, std::string_view name) {
  const Entry* entry = find_entry(methods, name);
  if (entry == nullptr) return std::nullopt;
  return Value(Value::Storage(
      std::make_shared<const Method>(Method{self, entry->first, entry->second, self.depth()})));
}

Value forbidden(std::string_view name, std::string_view kind) {
  return Value::undefined(fmt::format("{}() changes {}, which templates may not", name, kind));
}

}  // namespace

bool is_method(std::string_view name) {
  return find_entry(text_methods(), name) != nullptr || find_entry(mapping_methods, name) != nullptr ||
         has(changing_mappings, name) || has(changing_lists, name);
}

std::optional<Value> find_method(const Value& value, std::string_view name) {
  if (value.if_text() != nullptr) return bound(text_methods(), value, name);
  if (value.if_mapping() != nullptr) {
    if (has(changing_mappings, name)) return forbidden(name, value.kind());
    return bound(mapping_methods, value, name);
  }
  const Sequence* sequence = value.if_sequence();
  if (sequence != nullptr && sequence->kind == Sequence::Kind::list && has(changing_lists, name))
    return forbidden(name, value.kind());
  return std::nullopt;
}

Value call(const Method& method, const Arguments& arguments, Budget& budget) {
  const std::string callee = fmt::format("{}()", method.name);
  ArgumentReader reader(callee, arguments);
  Value result = method.function(method.self, reader, budget);
  reader.finish();
  return result;
}

}  // namespace yoke::jinja
