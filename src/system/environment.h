// The process's environment variables as a value: passed in, never looked up on the side.
#pragma once

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

}  // namespace yoke::system
