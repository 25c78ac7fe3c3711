// yoke engine: not for people. What the launcher starts on every rank.
#include <memory>

#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cluster/mpirun.h"
#include "terminal/tell.h"

namespace yoke::cli {
namespace {

int serve(EngineFlags& flags, const std::string& socket) {
  cluster::EngineProcessOptions options = rank_options(flags.engine, flags.ranks);
  options.socket = socket;
  options.last_words = [](const std::string& sentence) {
    terminal::tell("{}{}\n", cluster::last_words_prefix, sentence);
  };
  return cluster::engine_main(options);
}

}  // namespace

void add_engine(CLI::App& app, Action& action) {
  struct Options {
    EngineFlags flags;
    std::string socket;
  };
  auto options = std::make_shared<Options>();
  EngineFlags& flags = options->flags;
  CLI::App* command = app.add_subcommand("engine", "One rank of an engine; started by the other commands");
  command->group("");  // not shown
  command->add_option("--socket", options->socket, "Unix socket of the starter")->required();
  command->add_option("--ranks", flags.ranks, "Ranks of the engine")->required();
  command->add_option("--model", flags.engine.model, "GGUF file")->required();
  command->add_option("--context", flags.engine.context, "Positions of the context; 0: the model's own")
      ->required();
  command->add_option("--threads", flags.engine.threads, "Threads of this rank")->required();
  command->add_option("--prefill-chunk", flags.engine.prefill_chunk, "Tokens of a step")->required();
  command->add_option("--sequences", flags.engine.sequences, "Sequences that run at once")->required();
  add_kv_type(*command, flags.engine.kv_type);
  add_activations(*command, flags.engine.activations);
  add_cache_flags(*command, flags.engine);
  command->callback(
      [options, &action] { action = [options] { return serve(options->flags, options->socket); }; });
}

}  // namespace yoke::cli
