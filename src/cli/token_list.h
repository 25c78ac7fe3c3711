// Token ids as a person writes them on the command line.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/engine.h"

namespace yoke::cli {

/// "1,2,3" as ids, at least one. Throws UsageError that shows the part that is no id.
std::vector<runtime::Token> parse_tokens(std::string_view text);

}  // namespace yoke::cli
