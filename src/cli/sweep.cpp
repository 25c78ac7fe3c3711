// yoke sweep: not for people. Waits for the end of a run's starter, and then clears the run's hosts.
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "hosts/sweep.h"
#include "system/environment.h"

namespace yoke::cli {
namespace {

int sweep() {
  const FileDescriptor input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  require(static_cast<bool>(input), "standard input cannot be read: {}", last_system_error());
  hosts::sweep_at_end(input, system::current_environment());
  return 0;
}

}  // namespace

void add_sweep(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("sweep", "Clear hosts of what a run has left; started by the other commands");
  command->group("");  // not shown
  command->callback([&action] { action = [] { return sweep(); }; });
}

}  // namespace yoke::cli
