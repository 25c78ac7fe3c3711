// Showing pieces of text on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace yoke::cli {

/// `piece` as it may stand between quotes on one line: \n, \r, \t, \" and \\, other control characters and
/// bytes that are no UTF-8 as \xNN, everything else as it is.
std::string escaped_piece(std::string_view piece);

}  // namespace yoke::cli
