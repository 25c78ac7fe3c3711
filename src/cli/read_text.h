// A text that a command is given in a file.
#pragma once

#include <cstddef>
#include <string>

namespace yoke::cli {

/// The most that can be tokenised at once.
inline constexpr std::size_t longest_text = std::size_t{1} << 30;

/// All bytes of the file `path`, or of the standard input where it is "-". Throws Error where the system
/// refuses, or for more than `max_bytes`.
std::string read_text(const std::string& path, std::size_t max_bytes = longest_text);

}  // namespace yoke::cli
