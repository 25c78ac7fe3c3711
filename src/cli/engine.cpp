// yoke engine: not for people. What the launcher starts on every rank.
#include <memory>

#include "cli/commands.h"
#include "cli/engine_flags.h"

namespace yoke::cli {

void add_engine(CLI::App& app, Action& action) {
  struct Options {
    std::string socket;
    cluster::LinkOptions links;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("engine", "One rank of an engine; started by the other commands");
  command->group("");  // not shown
  command->add_option("--socket", options->socket, "Unix socket of the starter")->required();
  add_key_file(*command, options->links);
  command->callback([options, &action] {
    action = [options] { return cluster::engine_main(this_process(options->links), options->socket); };
  });
}

}  // namespace yoke::cli
