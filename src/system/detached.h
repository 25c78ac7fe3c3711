// A program that is to do something once this one has ended, however it ends.
#pragma once

#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "system/environment.h"

namespace yoke::system {

/// Starts command[0], a path, in a session of its own and as nobody's child, with its output going nowhere.
/// It reads what is written to the result, and finds the end of that when the result is closed: by the end of
/// this process at the latest, even by SIGKILL. Throws Error if it cannot be executed.
FileDescriptor start_detached(const std::vector<std::string>& command, const Environment& environment);

}  // namespace yoke::system
