// Filters that make text or numbers.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "jinja/filters.h"

namespace yoke::jinja {

std::span<const std::pair<std::string_view, Filter>> text_filters();

}  // namespace yoke::jinja
