#include "system/environment.h"

#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <string_view>

namespace yoke::system {

Environment current_environment() {
  Environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::optional<std::string> find_program(const std::string& name, const Environment& environment) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto is_program = [&](const fs::path& path) {
    return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos)
    return is_program(name) ? std::optional(fs::absolute(name, error).native()) : std::nullopt;
  const auto path = environment.find("PATH");
  std::istringstream folders(path == environment.end() ? "/usr/bin:/bin" : path->second);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder) / name;
    if (!name.empty() && candidate.is_absolute() && is_program(candidate)) return candidate.native();
  }
  return std::nullopt;
}

std::filesystem::path user_file(const Environment& environment, const std::string& variable,
                                const std::filesystem::path& by_default, const std::filesystem::path& file) {
  const auto folder = [&environment](const std::string& name) {
    const auto found = environment.find(name);
    return std::filesystem::path(found == environment.end() ? "" : found->second);
  };
  const std::filesystem::path own = folder(variable), home = folder("HOME");
  if (own.is_absolute()) return own / file;
  return home.is_absolute() ? home / by_default / file : std::filesystem::path();
}

}  // namespace yoke::system
