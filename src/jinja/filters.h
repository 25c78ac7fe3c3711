// Jinja's filters, those that templates use: {{ value | name(arguments) }}.
#pragma once

#include <string_view>

#include "jinja/arguments.h"
#include "jinja/budget.h"
#include "jinja/value.h"

namespace yoke::jinja {

using Filter = Value (*)(const Value& input, ArgumentReader& arguments, Budget& budget);

bool is_filter(std::string_view name);

/// Throws Error where there is no such filter, the arguments are not the filter's, or the input is nothing
/// for it.
Value apply_filter(std::string_view name, const Value& input, const Arguments& arguments, Budget& budget);

}  // namespace yoke::jinja
