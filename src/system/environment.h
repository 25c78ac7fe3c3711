// The process's environment variables as a value: passed in, never looked up on the side.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace yoke::system {

using Environment = std::map<std::string, std::string>;

/// A copy of this process's environment.
Environment current_environment();

/// The absolute path of a program that is called by `name`: the name itself where it has a '/', else the
/// first that PATH leads to.
std::optional<std::string> find_program(const std::string& name, const Environment& environment);

/// A file of the user's in one of the folders of the XDG Base Directory Specification 0.8: `variable` is
/// XDG_CACHE_HOME, say, and `by_default` the folder in the home that stands for it, ".cache". Paths that are
/// not absolute are ignored, as it says; empty where nothing is left.
std::filesystem::path user_file(const Environment& environment, const std::string& variable,
                                const std::filesystem::path& by_default, const std::filesystem::path& file);

}  // namespace yoke::system
