#include "terminal/status_line.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "terminal/tell.h"

namespace yoke::terminal {

StatusLine::StatusLine() : on_terminal_(isatty(STDERR_FILENO) == 1) {}

StatusLine::~StatusLine() {
  if (!shown_.empty()) tell("\r\033[K");
}

void StatusLine::show(std::string text) {
  if (!on_terminal_ || text == shown_) return;
  tell("\r{}\033[K", text);
  std::fflush(stderr);
  shown_ = std::move(text);
}

}  // namespace yoke::terminal
