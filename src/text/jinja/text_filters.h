// Filters that make text or numbers.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "text/jinja/filters.h"

namespace yoke::text::jinja {

std::span<const std::pair<std::string_view, Filter>> text_filters();

}  // namespace yoke::text::jinja
