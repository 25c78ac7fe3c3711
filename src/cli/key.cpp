// yoke key: makes the key that the ranks of several machines share.
#include <fmt/core.h>

#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/piece_format.h"
#include "system/secret.h"

namespace yoke::cli {
namespace {

int make_key(const std::string& file) {
  system::write_key_file(file, system::Secret::random());
  const std::string name = escaped_piece(file);
  fmt::print("wrote a new key to {}; copy it to every machine (scp -p), and give every rank --key-file {}\n",
             name, name);
  return 0;
}

}  // namespace

void add_key(CLI::App& app, Action& action) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("key", "Make a key for ranks on several machines");
  command->add_option("FILE", *file, "The new file; only its owner can read it")->required();
  command->footer(
      "Ranks that your own mpirun or srun starts on several machines prove with it that they belong\n"
      "together, and what they say to each other beside MPI is encrypted with it. On one machine none is "
      "needed.\n\n"
      "Example:\n"
      "  yoke key ~/.yoke-key\n"
      "  scp -p ~/.yoke-key node2:\n"
      "  mpirun --host node1,node2 yoke run model.gguf -p \"Once upon a time\" --key-file ~/.yoke-key");
  command->callback([file, &action] { action = [file] { return make_key(*file); }; });
}

}  // namespace yoke::cli
