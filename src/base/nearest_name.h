// The known name that somebody may have meant.
#pragma once

#include <span>
#include <string_view>

namespace yoke {

/// The one of `names`, of which there must be some, that takes the fewest letters to be added, taken away or
/// changed to become `name`; the first of equals.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> names);

}  // namespace yoke
