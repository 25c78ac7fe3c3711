// Prompts that do not stand on the command line.
#pragma once

#include <string>

namespace yoke::cli {

/// The text of a file, or of standard input up to its end where `path` is "-", without the line break at its
/// end: text goes on where it stopped. Throws Error where it cannot be read, exceeds 64 MiB (far more than
/// any context holds) or is not UTF-8.
std::string read_prompt(const std::string& path);

}  // namespace yoke::cli
