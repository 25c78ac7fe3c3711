// yoke run: continue a text, streaming it, then say how it went.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/topology.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/read_tokenizer.h"
#include "cli/text_printer.h"
#include "session/completion.h"
#include "text/tokenizer.h"

namespace yoke::cli {
namespace {

struct RunOptions {
  EngineFlags engine;
  std::string prompt;
  session::CompletionOptions completion;
};

double per_second(std::int32_t count, double seconds) { return seconds > 0 ? count / seconds : 0; }

void print_statistics(const runtime::Statistics& s, const std::vector<runtime::RankReport>& ranks) {
  double load_seconds = 0;
  for (const runtime::RankReport& rank : ranks) load_seconds = std::max(load_seconds, rank.load_seconds);
  const double seconds = s.prompt_seconds + s.decode_seconds;
  const std::int32_t decoded =
      std::max(s.generated_tokens - 1, 0);  // the first token comes out of the prompt
  fmt::print(stderr, "\nload        {:.3f} s\n", load_seconds);
  fmt::print(stderr, "prompt      {} tokens in {:.3f} s, {:.1f} tokens/s\n", s.prompt_tokens,
             s.prompt_seconds, per_second(s.prompt_tokens, s.prompt_seconds));
  fmt::print(stderr, "decode      {} tokens in {:.3f} s, {:.1f} tokens/s\n", decoded, s.decode_seconds,
             per_second(decoded, s.decode_seconds));
  if (ranks.size() > 1) {
    fmt::print(
        stderr,
        "exchange    {} all-reduced; {:.3f} s, {:.0f}% of rank 0's time, waiting for others included\n",
        format_bytes(s.reduced_bytes), s.exchange_seconds,
        seconds > 0 ? 100 * s.exchange_seconds / seconds : 0);
  }
}

void print_ranks(const std::vector<runtime::RankReport>& ranks) {
  fmt::print(stderr,
             "\nrank  host              threads  isa     weights   KV cache  computing  exchanging  holds of "
             "every layer\n");
  for (const runtime::RankReport& rank : ranks) {
    fmt::print(stderr, "{:<4}  {:<16}  {:<7}  {:<6}  {:<8}  {:<8}  {:>7.3f} s  {:>8.3f} s  {}\n", rank.rank,
               rank.host, rank.threads, rank.isa, format_bytes(rank.weight_bytes),
               format_bytes(rank.kv_bytes), rank.compute_seconds, rank.exchange_seconds, rank.share);
  }
}

void print_end(runtime::FinishReason reason, std::int32_t context) {
  if (reason != runtime::FinishReason::context_full) return;
  fmt::print(stderr,
             "\nThe context of {} positions is full; a larger one can be asked for with --ctx, up to what "
             "the model was trained for.\n",
             context);
}

/// No range excludes it: it is neither below nor above a border.
std::string refuse_nan(const std::string& text) {
  return std::isnan(std::strtof(text.c_str(), nullptr)) ? fmt::format("'{}' is not a number", text) : "";
}

int run(const RunOptions& options) {
  if (is_follower()) {
    start_engine(options.engine);
    return 0;
  }
  require(!options.prompt.empty(), "the prompt is empty; expected some text to continue, given with -p");
  const std::unique_ptr<text::Tokenizer> tokenizer = read_tokenizer(options.engine.engine.model);
  const std::unique_ptr<runtime::Engine> engine = start_engine(options.engine);

  TextPrinter printer(stdout, options.prompt);
  const session::Completion completion =
      session::complete(*engine, *tokenizer, options.prompt, options.completion,
                        [&printer](std::string_view text) { printer.print(text); });
  printer.end();
  print_end(completion.reason, engine->info().context);
  const std::vector<runtime::RankReport> ranks = engine->reports();
  print_statistics(completion.statistics, ranks);
  print_ranks(ranks);
  return 0;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  options->completion.max_tokens = 128;
  CLI::App* command = app.add_subcommand("run", "Continue a text");
  add_engine_flags(*command, options->engine);
  command->add_option("-p,--prompt", options->prompt, "Text to continue")->required();
  command->add_option("-n,--n-predict", options->completion.max_tokens, "Tokens to generate at most")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--temp", options->completion.sampling.temperature,
                   "Sampling temperature; 0 always takes the likeliest token")
      ->check(CLI::Range(0.0f, 100.0f) & CLI::Validator(refuse_nan, ""))
      ->capture_default_str();
  command->add_option("--seed", options->completion.sampling.seed, "Seed of the sampling")
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  yoke run models/demo.gguf -p \"The state of the Union\" -n 100 --ranks 4\n"
      "  mpirun -H a,b --bind-to none yoke run model.gguf -p \"Once upon a time\"");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace yoke::cli
