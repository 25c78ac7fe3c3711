// Errors of the outside world. Bad input (a file, a flag, a request, a peer) throws yoke::Error with one
// sentence that says what was found, what was expected and where. A programmer's error is an assert, never an
// Error.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <utility>

namespace yoke {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error with the formatted sentence.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error with the formatted sentence unless `condition` holds.
template <class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw Error(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace yoke
