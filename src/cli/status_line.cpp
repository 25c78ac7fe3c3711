#include "cli/status_line.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace yoke::cli {

StatusLine::StatusLine() : on_terminal_(isatty(STDERR_FILENO) == 1) {}

StatusLine::~StatusLine() {
  if (!shown_.empty()) fmt::print(stderr, "\r\033[K");
}

void StatusLine::show(std::string text) {
  if (!on_terminal_ || text == shown_) return;
  fmt::print(stderr, "\r{}\033[K", text);
  std::fflush(stderr);
  shown_ = std::move(text);
}

}  // namespace yoke::cli
