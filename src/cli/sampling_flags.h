// The flags that say how a text is sampled and where it ends.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>

#include "runtime/engine.h"
#include "session/completion.h"

namespace yoke::cli {

/// Adds --temp, --seed, --top-k, --top-p, --min-p, --typical, the penalties and --logit-bias.
void add_sampling_flags(CLI::App& command, runtime::Sampling& sampling);

/// Adds -n (128 by default), --stop and --ignore-eos.
void add_ending_flags(CLI::App& command, session::CompletionOptions& options);

/// Throws Error where a bias names a token that a vocabulary of this size does not have.
void check_bias(const runtime::Sampling& sampling, std::int32_t vocabulary);

/// "11=-5" or "11=-inf". Throws Error that shows the text.
runtime::TokenBias parse_bias(std::string_view text);

/// A stop string as it is written on a command line, with \n, \t and \\ for a line feed, a tab and a
/// backslash. Throws Error where it is empty, not UTF-8 or has another escape.
std::string parse_stop(std::string_view text);

}  // namespace yoke::cli
