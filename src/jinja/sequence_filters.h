// Filters that choose, order and take apart what a value has in it.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "jinja/filters.h"

namespace yoke::jinja {

std::span<const std::pair<std::string_view, Filter>> sequence_filters();

}  // namespace yoke::jinja
