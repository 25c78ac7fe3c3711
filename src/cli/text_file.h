// Texts that a person gives in a file or on standard input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace yoke::cli {

/// What sentences call the source `path`: itself, or "standard input" where it is "-".
std::string source_name(const std::string& path);

/// All bytes of the file `path`, or of standard input up to its end where it is "-". Throws Error where the
/// system refuses, or for more than `longest_mib` MiB; by default what can be tokenised at once.
std::string read_text(const std::string& path, std::size_t longest_mib = 1024);

/// Throws Error that calls the text `name`, unless it is UTF-8.
void require_utf8(std::string_view text, std::string_view name);

}  // namespace yoke::cli
