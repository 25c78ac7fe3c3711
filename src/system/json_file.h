// Small files that a program keeps for itself, and can do without.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

namespace yoke::system {

/// Nothing where the file is not there, is larger than a program's own would be, or is no JSON.
std::optional<nlohmann::json> read_json_file(const std::filesystem::path& file);
/// In place of what was there, with the folders above it; nothing is written to an empty path, and it does
/// not matter where it cannot be.
void write_json_file(const std::filesystem::path& file, const nlohmann::json& json);

}  // namespace yoke::system
