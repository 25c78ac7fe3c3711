// Texts that a person gives as files.
#pragma once

#include <filesystem>
#include <string>

namespace yoke::cli {

/// The whole file. Throws Error where it cannot be read, is empty or is not UTF-8.
std::string read_text_file(const std::filesystem::path& path);

}  // namespace yoke::cli
