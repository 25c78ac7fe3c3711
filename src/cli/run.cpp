// yoke run: continue a text or answer a message, streaming it, then say how it went; or hold a conversation.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/engine_flags.h"
#include "cli/figures.h"
#include "cli/loss_line.h"
#include "cli/prompt_text.h"
#include "cli/read_tokenizer.h"
#include "cli/sampling_flags.h"
#include "cli/text_file.h"
#include "cli/usage.h"
#include "session/chat_prompt.h"
#include "session/completion.h"
#include "session/conversation.h"
#include "terminal/section_printer.h"
#include "terminal/status_line.h"
#include "terminal/tell.h"
#include "terminal/text_printer.h"
#include "text/tokenizer.h"

namespace yoke::cli {
namespace {

struct RunOptions {
  EngineFlags engine;
  std::optional<std::string> prompt;
  std::optional<std::string> prompt_file;
  session::CompletionOptions completion;
  bool chat = false;     // the prompt is a message
  bool no_chat = false;  // a conversation is one text
  std::string system;
  bool quiet = false;

  const std::string& model() const { return engine.host.model; }
};

/// The text to continue; nothing where there is a person to talk to instead.
std::optional<std::string> find_prompt(const RunOptions& options) {
  if (options.prompt) {
    require(!options.prompt->empty(), "the prompt is empty; expected some text to continue, given with -p");
    require_utf8(*options.prompt, "-p");
    return options.prompt;
  }
  if (options.prompt_file) {
    const std::string text = read_prompt(*options.prompt_file);
    require(!text.empty(), "the prompt in {} is empty; expected some text to continue",
            source_name(*options.prompt_file));
    return text;
  }
  if (isatty(STDIN_FILENO) == 1) {
    require(
        isatty(STDOUT_FILENO) == 1,
        "there is no prompt, and a conversation needs a terminal for its output too; give a prompt with -p "
        "or -f");
    return std::nullopt;
  }
  std::string text = read_prompt("-");
  require(!text.empty(), "there is no prompt: standard input is empty; give one with -p or -f");
  return text;
}

session::Completion print_continuation(runtime::Engine& engine, const text::Tokenizer& tokenizer,
                                       const std::string& prompt, const RunOptions& options) {
  terminal::TextPrinter printer(stdout, prompt);
  session::PromptTokens start{session::encode_prompt(tokenizer, prompt)};
  std::optional<terminal::StatusLine> reading(
      std::in_place);  // until the first text, which may take its place
  const std::size_t n = start.tokens.size();
  reading->show(fmt::format("reading {} token{}", n, n == 1 ? "" : "s"));
  try {
    session::Completion completion = session::complete(engine, tokenizer, std::move(start),
                                                       options.completion, [&](std::string_view text) {
                                                         reading.reset();
                                                         printer.print(text);
                                                       });
    reading.reset();
    printer.end();
    return completion;
  } catch (const session::PromptTooLong& error) {
    fail("{}; {}", error.what(), context_advice(engine.info()));
  }
}

session::Completion print_answer(runtime::Engine& engine, const text::Tokenizer& tokenizer,
                                 session::EncodeTurns turns, const std::string& message,
                                 const RunOptions& options) {
  session::Conversation conversation(engine, tokenizer, std::move(turns));
  terminal::SectionPrinter printer(stdout, isatty(STDOUT_FILENO) == 1);
  std::optional<terminal::StatusLine> reading(std::in_place);
  reading->show("reading the message");
  try {
    session::Completion completion =
        conversation.say(message, options.completion, [&](const session::Piece& piece) {
          reading.reset();
          printer.print(piece);
        });
    reading.reset();
    printer.end();
    return completion;
  } catch (const session::PromptTooLong& error) {
    fail("{}; {}", error.what(), context_advice(engine.info()));
  }
}

void print_end(runtime::Engine& engine, const session::Completion& completion, bool quiet) {
  if (completion.finish == session::Finish::context_full) {
    const runtime::EngineInfo info = engine.info();
    terminal::tell("\nThe context of {} positions is full; {}.\n", info.context, context_advice(info));
  }
  if (quiet) return;
  const std::vector<runtime::RankReport> ranks = engine.reports();
  print_statistics(completion.statistics, ranks);
  print_ranks(ranks);
}

/// The model's tokenizer, and its chat template where one is to be applied.
ModelTokenizer read_model(const RunOptions& options, bool conversation) {
  const bool templated = options.chat || !options.system.empty() || (conversation && !options.no_chat);
  ModelTokenizer model = read_tokenizer(options.model(), templated ? ReadTemplate::yes : ReadTemplate::no);
  if (options.chat) require_chat_template(model, options.model(), "--chat");
  if (!options.system.empty()) require_chat_template(model, options.model(), "--system");
  return model;
}

std::string greeting(const RunOptions& options, bool has_template) {
  if (has_template) return "";
  return fmt::format(
      "{}: what you write is continued as plain text. ",
      options.no_chat ? "The chat template is not applied (--no-chat)" : "The model has no chat template");
}

int run(const RunOptions& options) {
  if (follow(options.engine)) return 0;
  const std::optional<std::string> prompt = find_prompt(options);
  if (prompt && !options.chat && !options.system.empty())
    throw UsageError("--system is of no use to a text that is continued; --chat makes the prompt a message");
  require_utf8(options.system, "--system");
  const ModelTokenizer model = read_model(options, !prompt);
  const text::Tokenizer& tokenizer = *model.tokenizer;
  check_bias(options.completion.sampling, tokenizer.size());
  std::optional<session::ChatEncoder> encoder;
  if (model.chat_template) encoder.emplace(tokenizer, *model.chat_template);
  session::EncodeTurns turns = encoder ? session::template_turns(*encoder, {options.system, local_time()})
                                       : session::raw_turns(tokenizer);

  LossLine losses;
  const std::unique_ptr<runtime::Engine> engine =
      prompt ? start_engine(options.engine)
             : start_lasting_engine(options.engine,
                                    {[&losses](const std::string& sentence) { losses.lost(sentence); },
                                     [&losses](const std::string& change) { losses.over(change); }});
  if (engine == nullptr) return 0;  // --dry-run
  if (!prompt) {
    converse(*engine, tokenizer,
             {std::move(turns), greeting(options, encoder.has_value()), options.completion, options.quiet});
  } else if (options.chat) {
    print_end(*engine, print_answer(*engine, tokenizer, std::move(turns), *prompt, options), options.quiet);
  } else {
    print_end(*engine, print_continuation(*engine, tokenizer, *prompt, options), options.quiet);
  }
  return 0;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      app.add_subcommand("run", "Continue a text or, on a terminal and without one, hold a conversation");
  add_engine_flags(*command, options->engine);
  CLI::Option* prompt = command->add_option("-p,--prompt", options->prompt, "Text to continue");
  command
      ->add_option("-f,--file", options->prompt_file,
                   "File with the text to continue; -: standard input, which is also read where there is no "
                   "terminal and no -p")
      ->excludes(prompt);
  CLI::Option* chat = command->add_flag(
      "--chat", options->chat, "The prompt is a message: answer it through the model's chat template");
  CLI::Option* no_chat = command->add_flag(
      "--no-chat", options->no_chat, "Hold a conversation as one plain text, without the chat template");
  no_chat->excludes(chat);
  command
      ->add_option("--system", options->system,
                   "What the model is told before the conversation; needs a chat template")
      ->excludes(no_chat);
  add_ending_flags(*command, options->completion);
  command->add_flag("-q,--quiet", options->quiet, "The text only, no figures");
  add_sampling_flags(*command, options->completion.sampling);
  command->footer(
      "Examples:\n"
      "  yoke run models/demo.gguf -p \"The state of the Union\" -n 100 --ranks 4\n"
      "  yoke run models/demo.gguf --temp 0.8 --top-p 0.95 --seed 7\n"
      "  yoke run model.gguf --chat --system \"Be brief.\" -p \"Why is the sky blue?\"\n"
      "  mpirun -H a,b --bind-to none yoke run model.gguf -p \"Once upon a time\"");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace yoke::cli
