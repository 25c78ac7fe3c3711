#include "terminal/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace yoke::terminal {
namespace {

/// The system gives out the lowest number that is free, and those below are taken already.
void replace_if_closed(int stream, int mode) {
  if (::fcntl(stream, F_GETFD) != -1) return;
  require(::open("/dev/null", mode) == stream, "/dev/null cannot be opened: {}", last_system_error());
}

}  // namespace

void replace_closed_streams() {
  replace_if_closed(STDIN_FILENO, O_WRONLY);
  replace_if_closed(STDOUT_FILENO, O_RDONLY);
  replace_if_closed(STDERR_FILENO, O_WRONLY);
}

}  // namespace yoke::terminal
