#include "cli/usage.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace yoke::cli {
namespace {

/// The command that the line names, or the program where it names none.
const CLI::App& command_of(const CLI::App& app) {
  const std::vector<CLI::App*> named = app.get_subcommands();
  return named.empty() ? app : command_of(*named.front());
}

/// "yoke run", "yoke cache ls"
std::string full_name(const CLI::App& app, const CLI::App& command) {
  return &command == &app ? app.get_name() : full_name(app, *command.get_parent()) + " " + command.get_name();
}

bool has_commands(const CLI::App& app) { return !app.get_subcommands({}).empty(); }

const CLI::Option* find_option(const CLI::App& command, std::string_view name) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_name() == name) return option;
  }
  return nullptr;
}

std::string sentence_on_extra(const CLI::App& app, const std::string& extra) {
  const CLI::App& command = command_of(app);
  if (extra.starts_with('-')) return fmt::format("{} has no flag {}", full_name(app, command), extra);
  if (has_commands(command)) {
    return fmt::format("there is no command '{}'{}; there are {}", extra,
                       &command == &app ? "" : " of " + full_name(app, command), command_names(command));
  }
  return fmt::format("'{}' is one argument more than {} takes", extra, full_name(app, command));
}

/// `found`: "--text is required"
std::string sentence_on_missing(const CLI::App& app, std::string_view found) {
  const CLI::App& command = command_of(app);
  const CLI::Option* option = find_option(command, found.substr(0, found.find(' ')));
  if (option == nullptr) return std::string(found);
  return fmt::format("{} needs {}: {}", full_name(app, command), option->get_name(option->get_positional()),
                     option->get_description());
}

/// The option of which there are more than it takes, if that is what is wrong.
const CLI::Option* repeated_option(const CLI::App& app, const CLI::ParseError& error) {
  const std::string_view found = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr) return nullptr;
  const CLI::Option* const option = find_option(command_of(app), found.substr(0, found.find(':')));
  return option != nullptr && option->count() > 1 ? option : nullptr;
}

}  // namespace

CLI::Validator choice_check(std::vector<std::string> words) {
  const std::string all = fmt::format("{}", fmt::join(words, ", "));
  return {[words = std::move(words), all](const std::string& given) {
            const bool known = std::find(words.begin(), words.end(), given) != words.end();
            return known ? std::string() : fmt::format("'{}' is none of {}", given, all);
          },
          all};
}

std::string command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string sentence_on_no_command(const CLI::App& app) {
  const CLI::App& command = command_of(app);
  return fmt::format("expected a command{}; there are {}",
                     &command == &app ? "" : " of " + full_name(app, command), command_names(command));
}

std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error) {
  std::string found = error.what();
  const std::vector<std::string> extras = app.remaining(true);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !extras.empty())
    return sentence_on_extra(app, extras.front());
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) return sentence_on_missing(app, found);
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && found.ends_with(" missing"))
    return fmt::format("{} was given without its value", found.substr(0, found.find(':')));
  if (const CLI::Option* repeated = repeated_option(app, error))
    return fmt::format("{} was given {} times, expected once", repeated->get_name(), repeated->count());
  constexpr std::string_view excludes = " excludes ";
  const std::size_t between = found.find(excludes);
  if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr && between != std::string::npos) {
    return fmt::format("{} and {} do not go together: expected one of them", found.substr(0, between),
                       found.substr(between + excludes.size()));
  }
  return found;  // of a check of our own
}

}  // namespace yoke::cli
