// The commands of `yoke`, one file each. A command adds its subcommand to the parser and, when the user chose
// it, sets what is to run.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace yoke::cli {

/// Runs the chosen command; returns the exit code. Throws Error.
using Action = std::function<int()>;

/// Ranks that may be asked for; far more than machines anyone has on one switch.
inline constexpr int max_ranks = 1024;

void add_run(CLI::App& app, Action& action);
void add_info(CLI::App& app, Action& action);
void add_logits(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_probe(CLI::App& app, Action& action);
void add_perplexity(CLI::App& app, Action& action);
void add_quantize(CLI::App& app, Action& action);
void add_synth(CLI::App& app, Action& action);
void add_cache(CLI::App& app, Action& action);
void add_key(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
/// Not for people: what a host tells of itself.
void add_survey(CLI::App& app, Action& action);
/// Not for people: what clears hosts after a run.
void add_sweep(CLI::App& app, Action& action);
/// Not for people: what each rank of the engine runs.
void add_engine(CLI::App& app, Action& action);

}  // namespace yoke::cli
