// yoke engine: not for people. What the launcher starts on every rank.
#include <memory>

#include "cli/commands.h"
#include "cli/engine_flags.h"

namespace yoke::cli {

void add_engine(CLI::App& app, Action& action) {
  auto socket = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("engine", "One rank of an engine; started by the other commands");
  command->group("");  // not shown
  command->add_option("--socket", *socket, "Unix socket of the starter")->required();
  command->callback(
      [socket, &action] { action = [socket] { return cluster::engine_main(this_process(), *socket); }; });
}

}  // namespace yoke::cli
