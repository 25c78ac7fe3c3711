// What a wrong command line is told.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "base/error.h"

namespace yoke::cli {

/// One sentence on flags that a command cannot do anything with, though each can be parsed.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// One of these words.
CLI::Validator choice_check(std::vector<std::string> words);

/// The commands that are for people: "run, info, logits".
std::string command_names(const CLI::App& app);

/// What is told of a command line of `app` that ends where another command's name is expected.
std::string sentence_on_no_command(const CLI::App& app);

/// One sentence on what the parser found wrong in a command line of `app`, which has just parsed it.
std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error);

}  // namespace yoke::cli
