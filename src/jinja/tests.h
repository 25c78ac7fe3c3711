// Jinja's tests: {{ value is name(arguments) }}.
#pragma once

#include <string_view>

#include "jinja/arguments.h"
#include "jinja/budget.h"
#include "jinja/value.h"

namespace yoke::jinja {

bool is_test(std::string_view name);

/// Throws Error where there is no such test, the arguments are not the test's, or the value is nothing for
/// it.
bool passes_test(std::string_view name, const Value& value, const Arguments& arguments, Budget& budget);

}  // namespace yoke::jinja
