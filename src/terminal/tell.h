// What a person is told beside the output.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <string>
#include <utility>

namespace yoke::terminal {

/// Says something on standard error. Where that cannot be written (its disk is full, nobody reads it) there
/// is no place left to say so, and what the program was doing goes on.
template <class... Args>
void tell(fmt::format_string<Args...> format, Args&&... args) {
  const std::string text = fmt::format(format, std::forward<Args>(args)...);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace yoke::terminal
