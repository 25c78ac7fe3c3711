#include "jinja/sequence_filters.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "jinja/access.h"
#include "jinja/characters.h"
#include "jinja/tests.h"

namespace yoke::jinja {
namespace {

Value default_(const Value& input, ArgumentReader& arguments, Budget&) {
  Value otherwise = arguments.take_or("default_value", Value::text(""));
  const bool by_truth = arguments.take_flag("boolean", false);
  return input.is_undefined() || (by_truth && !input.is_true()) ? otherwise : input;
}

Value length_(const Value& input, ArgumentReader&, Budget&) { return Value::integer(length(input)); }

Value list(const Value& input, ArgumentReader&, Budget& budget) {
  return Value::list(elements(input, budget));
}

Value first(const Value& input, ArgumentReader&, Budget& budget) {
  constexpr auto why = "there is no first element";
  if (const auto* generator = std::get_if<std::shared_ptr<Generator>>(&input.storage())) {
    Generator& source = **generator;
    return source.next < source.items.size() ? source.items[source.next++] : Value::undefined(why);
  }
  const std::vector<Value> items = elements(input, budget);
  return items.empty() ? Value::undefined(why) : items.front();
}

/// What can only be gone through forwards has no end to begin at.
void refuse_generator(const Value& input, std::string_view filter) {
  if (std::holds_alternative<std::shared_ptr<Generator>>(input.storage()))
    fail("the filter {} cannot go through {} from its end", filter, input.kind());
}

Value last(const Value& input, ArgumentReader&, Budget& budget) {
  refuse_generator(input, "last");
  const std::vector<Value> items = elements(input, budget);
  return items.empty() ? Value::undefined("there is no last element") : items.back();
}

Value reverse(const Value& input, ArgumentReader&, Budget& budget) {
  std::vector<Value> items = elements(input, budget);
  std::reverse(items.begin(), items.end());
  if (input.if_text() == nullptr) return Value::generator(std::move(items));
  std::string text;
  for (const Value& item : items) text += *item.if_text();
  return Value::text(std::move(text));
}

Value items(const Value& input, ArgumentReader&, Budget& budget) {
  std::vector<Value> pairs;
  const Mapping* mapping = input.if_mapping();
  if (mapping == nullptr && !input.is_undefined())
    fail("the filter items needs a mapping, not {}", input.kind());
  if (mapping != nullptr) {
    budget.spend(2 * mapping->entries.size());
    for (const auto& [key, value] : mapping->entries) pairs.push_back(Value::tuple({key, value}));
  }
  return Value::generator(std::move(pairs));
}

/// What values are ordered by, or told apart.
class Key {
 public:
  Key(bool case_sensitive, std::optional<Value> path, Budget& budget)
      : case_sensitive_(case_sensitive), path_(std::move(path)), budget_(budget) {}

  Value of(const Value& value) const {
    Value key = path_ && !path_->is_none() ? by_path(value, *path_, budget_) : value;
    if (case_sensitive_ || key.if_text() == nullptr) return key;
    budget_.spend_bytes(key.if_text()->size());
    return Value::text(to_lower(*key.if_text()));
  }

 private:
  bool case_sensitive_;
  std::optional<Value> path_;
  Budget& budget_;
};

/// Equal ones keep their order, also backwards.
std::vector<Value> sorted(const std::vector<Value>& values, const Key& key, bool backwards, Budget& budget) {
  std::vector<std::pair<Value, Value>> keyed;
  budget.spend(2 * values.size());
  for (const Value& value : values) keyed.emplace_back(key.of(value), value);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& left, const auto& right) {
    return (backwards ? compare(right.first, left.first, budget) : compare(left.first, right.first, budget)) <
           0;
  });
  std::vector<Value> result;
  for (auto& [ignored, value] : keyed) result.push_back(std::move(value));
  return result;
}

Value sort(const Value& input, ArgumentReader& arguments, Budget& budget) {
  const bool backwards = arguments.take_flag("reverse", false);
  const bool case_sensitive = arguments.take_flag("case_sensitive", false);
  const Key key(case_sensitive, arguments.take("attribute"), budget);
  return Value::list(sorted(elements(input, budget), key, backwards, budget));
}

Value dictsort(const Value& input, ArgumentReader& arguments, Budget& budget) {
  const bool case_sensitive = arguments.take_flag("case_sensitive", false);
  const Value by = arguments.take_or("by", Value::text("key"));
  const bool backwards = arguments.take_flag("reverse", false);
  const std::string place = by.if_text() == nullptr ? "" : *by.if_text();
  require(place == "key" || place == "value", "the filter dictsort orders by key or by value only");
  refuse_undefined(input);
  const Mapping* mapping = input.if_mapping();
  if (mapping == nullptr) fail("the filter dictsort needs a mapping, not {}", input.kind());
  std::vector<Value> pairs;
  budget.spend(2 * mapping->entries.size());
  for (const auto& [key, value] : mapping->entries) pairs.push_back(Value::tuple({key, value}));
  const Key key(case_sensitive, Value::integer(place == "key" ? 0 : 1), budget);
  return Value::list(sorted(pairs, key, backwards, budget));
}

Value unique(const Value& input, ArgumentReader& arguments, Budget& budget) {
  const bool case_sensitive = arguments.take_flag("case_sensitive", false);
  const Key key(case_sensitive, arguments.take("attribute"), budget);
  std::vector<Value> seen, kept;
  for (const Value& value : elements(input, budget)) {
    const Value one = key.of(value);
    const auto is_seen = [&](const Value& other) { return equals(one, other, budget); };
    if (std::any_of(seen.begin(), seen.end(), is_seen)) continue;
    seen.push_back(one);
    kept.push_back(value);
  }
  return Value::generator(std::move(kept));
}

/// Jinja lets these filters pass over all that is false: none has no elements, but gives none.
std::vector<Value> elements_if_true(const Value& input, Budget& budget) {
  return input.is_true() ? elements(input, budget) : std::vector<Value>();
}

Value map(const Value& input, ArgumentReader& arguments, Budget& budget) {
  std::vector<Value> results;
  if (!arguments.has_next()) {
    const Value path = arguments.required("attribute");
    const std::optional<Value> otherwise = arguments.take("default");
    for (const Value& value : elements_if_true(input, budget)) {
      Value found = by_path(value, path, budget);
      results.push_back(found.is_undefined() && otherwise ? *otherwise : std::move(found));
    }
    return Value::generator(std::move(results));
  }
  const std::string filter = arguments.required_text("filter");
  const Arguments others = arguments.rest();
  for (const Value& value : elements_if_true(input, budget))
    results.push_back(apply_filter(filter, value, others, budget));
  return Value::generator(std::move(results));
}

/// select, reject, selectattr and rejectattr: those that pass a test, or do not; without a test, the true
/// ones.
template <bool by_attribute, bool wanted>
Value choose(const Value& input, ArgumentReader& arguments, Budget& budget) {
  const Value path = by_attribute ? arguments.required("attribute") : Value::none();
  const std::optional<Value> test = arguments.take("test");
  if (test && test->if_text() == nullptr) fail("the name of a test is needed, not {}", test->kind());
  const Arguments others = arguments.rest();
  std::vector<Value> chosen;
  for (const Value& value : elements_if_true(input, budget)) {
    const Value subject = by_attribute ? by_path(value, path, budget) : value;
    const bool passes = test ? passes_test(*test->if_text(), subject, others, budget) : subject.is_true();
    if (passes == wanted) chosen.push_back(value);
  }
  return Value::generator(std::move(chosen));
}

constexpr std::array<std::pair<std::string_view, Filter>, 17> filters = {{
    {"default", default_},
    {"d", default_},
    {"length", length_},
    {"count", length_},
    {"list", list},
    {"first", first},
    {"last", last},
    {"reverse", reverse},
    {"items", items},
    {"sort", sort},
    {"dictsort", dictsort},
    {"unique", unique},
    {"map", map},
    {"select", choose<false, true>},
    {"reject", choose<false, false>},
    {"selectattr", choose<true, true>},
    {"rejectattr", choose<true, false>},
}};

}  // namespace

std::span<const std::pair<std::string_view, Filter>> sequence_filters() { return filters; }

}  // namespace yoke::jinja
