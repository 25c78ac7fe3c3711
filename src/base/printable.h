// Text of files in sentences for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace yoke {

/// `text` with every byte outside printable ASCII as \xNN, and cut short with "..." after `longest` bytes:
/// names in a hostile file may hold anything.
std::string printable(std::string_view text, std::size_t longest = 64);

}  // namespace yoke
