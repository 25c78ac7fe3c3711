// The program: parses the command line, runs one command, turns an error into one sentence.
#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "cli/commands.h"
#include "cli/usage.h"
#include "terminal/standard_streams.h"
#include "terminal/tell.h"

namespace {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

int refuse(const std::string& sentence) {
  yoke::terminal::tell("yoke: {}\nSee 'yoke --help' or 'yoke COMMAND --help'.\n", sentence);
  return exit_usage;
}

int run(int argc, char** argv) {
  CLI::App app("Yoke: one large language model on many ordinary machines, all pulling at once.", "yoke");
  app.set_version_flag("--version", "yoke " YOKE_VERSION);
  app.require_subcommand(0, 1);  // CLI11's own complaint would hide a misspelt command
  app.footer("Example:\n  yoke run models/demo.gguf -p \"The state of the Union\" -n 100 --ranks 4");
  yoke::cli::Action action;
  yoke::cli::add_run(app, action);
  yoke::cli::add_info(app, action);
  yoke::cli::add_logits(app, action);
  yoke::cli::add_tokenize(app, action);
  yoke::cli::add_bench(app, action);
  yoke::cli::add_probe(app, action);
  yoke::cli::add_perplexity(app, action);
  yoke::cli::add_quantize(app, action);
  yoke::cli::add_synth(app, action);
  yoke::cli::add_cache(app, action);
  yoke::cli::add_key(app, action);
  yoke::cli::add_doctor(app, action);
  yoke::cli::add_survey(app, action);
  yoke::cli::add_sweep(app, action);
  yoke::cli::add_engine(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return refuse(yoke::cli::usage_sentence(app, error));
  }
  if (!action) return refuse(yoke::cli::sentence_on_no_command(app));
  return action();
}

/// What a full disk or a closed pipe has refused is no success, though every command believes it has written.
void flush_output() {
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  yoke::require(written, "standard output cannot be written: {}", yoke::last_system_error());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    yoke::terminal::replace_closed_streams();
    const int exit_code = run(argc, argv);
    flush_output();
    return exit_code;
  } catch (const yoke::cli::UsageError& error) {
    return refuse(error.what());
  } catch (const std::bad_alloc&) {
    std::fputs("yoke: this machine's memory is full\n", stderr);
  } catch (const std::exception& error) {
    yoke::terminal::tell("yoke: {}\n", error.what());
  }
  return exit_failure;
}
