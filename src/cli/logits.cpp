// yoke logits: the logits of given tokens, for comparing with other implementations.
#include <chrono>
#include <memory>
#include <span>
#include <variant>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/token_list.h"
#include "terminal/tell.h"

namespace yoke::cli {
namespace {

struct LogitsOptions {
  EngineFlags engine;
  std::string tokens;
  std::string out;
};

int logits(const LogitsOptions& options) {
  if (follow(options.engine)) return 0;
  runtime::Request request;
  request.prompt = parse_tokens(options.tokens);
  request.report = runtime::PromptReport::logits;
  OutputFile file(options.out);
  const std::unique_ptr<runtime::Engine> engine = start_engine(options.engine);
  if (engine == nullptr) return 0;  // --dry-run
  const std::size_t positions = request.prompt.size();
  engine->submit(std::move(request));
  while (true) {
    const std::optional<runtime::Event> event = engine->next(std::chrono::seconds(1));
    if (!event) continue;
    if (const auto* rows = std::get_if<runtime::LogitsEvent>(&*event))
      file.append(std::as_bytes(std::span(rows->logits)));
    if (const auto* failed = std::get_if<runtime::FailedEvent>(&*event)) throw Error(failed->sentence);
    if (std::holds_alternative<runtime::DoneEvent>(*event)) break;
  }
  file.commit();
  terminal::tell("{}: {} positions × {} logits, float32\n", options.out, positions,
                 engine->info().vocabulary);
  return 0;
}

}  // namespace

void add_logits(CLI::App& app, Action& action) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App* command = app.add_subcommand("logits", "Write the logits of given tokens to a file");
  add_engine_flags(*command, options->engine);
  command
      ->add_option("--tokens", options->tokens, "Token ids, separated by commas; nothing is added in front")
      ->required();
  command->add_option("--out", options->out, "File to write: float32, (tokens, vocabulary), row by row")
      ->required();
  command->footer(
      "Example:\n  yoke logits models/demo.gguf --tokens 2044,318,262 --out logits.f32 --ranks 3");
  command->callback([options, &action] { action = [options] { return logits(*options); }; });
}

}  // namespace yoke::cli
