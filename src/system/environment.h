// The process's environment variables as a value: passed in, never looked up on the side.
#pragma once

#include <map>
#include <string>

namespace yoke::system {

using Environment = std::map<std::string, std::string>;

/// A copy of this process's environment.
Environment current_environment();

}  // namespace yoke::system
