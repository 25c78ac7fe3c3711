// Python's methods of strings and mappings, those that templates call.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "jinja/arguments.h"
#include "jinja/budget.h"
#include "jinja/value.h"

namespace yoke::jinja {

using MethodFunction = Value (*)(const Value& self, ArgumentReader& arguments, Budget& budget);

/// A method with the value that it was taken from: 'text'.upper.
struct Method {
  Value self;
  std::string_view name;
  MethodFunction function;
  std::uint32_t depth;  // levels of containers
};

/// Whether some kind of value has a method of this name, or Python would have one that changes the value.
bool is_method(std::string_view name);

/// The method `name` of `value`; nothing where it has none. Methods that would change it are undefined.
std::optional<Value> find_method(const Value& value, std::string_view name);

/// Throws Error where the arguments are not the method's.
Value call(const Method& method, const Arguments& arguments, Budget& budget);

}  // namespace yoke::jinja
