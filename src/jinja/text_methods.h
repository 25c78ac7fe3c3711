// Python's methods of strings.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "jinja/methods.h"

namespace yoke::jinja {

std::span<const std::pair<std::string_view, MethodFunction>> text_methods();

/// str.replace: the first `count` occurrences, all where it is negative.
std::string replaced(const std::string& text, const std::string& old, const std::string& by,
                     std::int64_t count, Budget& budget);

}  // namespace yoke::jinja
