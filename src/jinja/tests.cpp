#include "jinja/tests.h"

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "base/error.h"
#include "base/printable.h"
#include "jinja/characters.h"
#include "jinja/printing.h"

namespace yoke::jinja {
namespace {

using Test = bool (*)(const Value& value, ArgumentReader& arguments, Budget& budget);

template <class T>
bool holds(const Value& value) {
  return std::holds_alternative<T>(value.storage());
}

bool is_boolean(const Value& value, bool wanted) {
  const auto* boolean = std::get_if<bool>(&value.storage());
  return boolean != nullptr && *boolean == wanted;
}

bool is_sequence(const Value& value, ArgumentReader&, Budget&) {
  return value.is_undefined() || value.if_text() != nullptr || value.if_sequence() != nullptr ||
         value.if_mapping() != nullptr;
}

bool is_iterable(const Value& value, ArgumentReader& arguments, Budget& budget) {
  return is_sequence(value, arguments, budget) || holds<std::shared_ptr<Generator>>(value) ||
         holds<std::shared_ptr<const Loop>>(value);
}

bool is_callable(const Value& value, ArgumentReader&, Budget&) {
  return holds<std::shared_ptr<const Macro>>(value) || holds<std::shared_ptr<const Method>>(value) ||
         holds<Builtin>(value);
}

std::int64_t required_integer(const Value& value) {
  refuse_undefined(value);
  const std::optional<std::int64_t> integer = value.if_integer();
  if (!integer) fail("the test needs an integer, not {}", value.kind());
  return *integer;
}

bool divisible(const Value& value, ArgumentReader& arguments, Budget&) {
  const std::int64_t by = required_integer(arguments.required("num"));
  require(by != 0, "the test divisibleby has the number 0");
  return by == -1 || required_integer(value) % by == 0;
}

bool same(const Value& value, ArgumentReader& arguments, Budget& budget) {
  const Value other = arguments.required("other");
  return value.storage().index() == other.storage().index() && equals(value, other, budget);
}

bool in(const Value& value, ArgumentReader& arguments, Budget& budget) {
  return contains(arguments.required("seq"), value, budget);
}

/// str.islower and str.isupper: at least one letter has a case, and all that have one have this one.
template <std::string (*convert)(std::string_view)>
bool has_case(const Value& value, ArgumentReader&, Budget& budget) {
  const std::string text = to_text(value, budget);
  return text == convert(text) && to_upper(text) != to_lower(text);
}

bool equal(const Value& value, ArgumentReader& arguments, Budget& budget) {
  return equals(value, arguments.required("other"), budget);
}

int order(const Value& value, ArgumentReader& arguments, Budget& budget) {
  return compare(value, arguments.required("other"), budget);
}

const std::unordered_map<std::string_view, Test>& all_tests() {
  using A = ArgumentReader;
  using V = const Value;
  using B = Budget;
  static const std::unordered_map<std::string_view, Test> tests = {
      {"defined", [](V& v, A&, B&) { return !v.is_undefined(); }},
      {"undefined", [](V& v, A&, B&) { return v.is_undefined(); }},
      {"none", [](V& v, A&, B&) { return v.is_none(); }},
      {"boolean", [](V& v, A&, B&) { return holds<bool>(v); }},
      {"true", [](V& v, A&, B&) { return is_boolean(v, true); }},
      {"false", [](V& v, A&, B&) { return is_boolean(v, false); }},
      {"integer", [](V& v, A&, B&) { return holds<std::int64_t>(v); }},
      {"float", [](V& v, A&, B&) { return holds<double>(v); }},
      {"number", [](V& v, A&, B&) { return v.if_number().has_value(); }},
      {"string", [](V& v, A&, B&) { return v.if_text() != nullptr; }},
      {"mapping", [](V& v, A&, B&) { return v.if_mapping() != nullptr; }},
      {"sequence", is_sequence},
      {"iterable", is_iterable},
      {"callable", is_callable},
      {"even", [](V& v, A&, B&) { return required_integer(v) % 2 == 0; }},
      {"odd", [](V& v, A&, B&) { return required_integer(v) % 2 != 0; }},
      {"divisibleby", divisible},
      {"sameas", same},
      {"in", in},
      {"lower", has_case<to_lower>},
      {"upper", has_case<to_upper>},
      {"eq", equal},
      {"equalto", equal},
      {"==", equal},
      {"ne", [](V& v, A& a, B& b) { return !equal(v, a, b); }},
      {"!=", [](V& v, A& a, B& b) { return !equal(v, a, b); }},
      {"lt", [](V& v, A& a, B& b) { return order(v, a, b) < 0; }},
      {"lessthan", [](V& v, A& a, B& b) { return order(v, a, b) < 0; }},
      {"<", [](V& v, A& a, B& b) { return order(v, a, b) < 0; }},
      {"le", [](V& v, A& a, B& b) { return order(v, a, b) <= 0; }},
      {"<=", [](V& v, A& a, B& b) { return order(v, a, b) <= 0; }},
      {"gt", [](V& v, A& a, B& b) { return order(v, a, b) > 0; }},
      {"greaterthan", [](V& v, A& a, B& b) { return order(v, a, b) > 0; }},
      {">", [](V& v, A& a, B& b) { return order(v, a, b) > 0; }},
      {"ge", [](V& v, A& a, B& b) { return order(v, a, b) >= 0; }},
      {">=", [](V& v, A& a, B& b) { return order(v, a, b) >= 0; }},
  };
  return tests;
}

}  // namespace

bool is_test(std::string_view name) { return all_tests().contains(name); }

bool passes_test(std::string_view name, const Value& value, const Arguments& arguments, Budget& budget) {
  const auto found = all_tests().find(name);
  if (found == all_tests().end()) fail("there is no test {}", printable(name));
  const std::string callee = fmt::format("the test {}", name);
  ArgumentReader reader(callee, arguments);
  const bool passes = found->second(value, reader, budget);
  reader.finish();
  return passes;
}

}  // namespace yoke::jinja
