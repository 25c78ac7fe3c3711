// Flags that are numbers: what is checked is what is stored, and a refusal is a sentence of our own.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace yoke::cli {

/// From `low` to `high`, both included, as a float: infinities, "nan" and what a float cannot hold are no
/// numbers.
CLI::Validator number_check(float low, float high);
/// Above `low`, up to `high`.
CLI::Validator number_above_check(float low, float high);
/// From `low`, below `high`.
CLI::Validator number_below_check(float low, float high);
CLI::Validator whole_number_check(std::int64_t low, std::int64_t high);
/// From 0 to 2⁶⁴ − 1.
CLI::Validator seed_check();

/// Adds a flag whose number `take` gets once `check`, one of the above, has accepted it. The whole text is
/// the number, and decimal: "010" is ten. Number: std::int32_t, std::int64_t, std::uint64_t or float, which
/// has to hold all that `check` accepts.
template <class Number>
CLI::Option* add_number_function(CLI::App& command, const std::string& flags,
                                 std::function<void(Number)> take, const CLI::Validator& check,
                                 const std::string& help);

/// The same, stored in `value`, which outlives the parser.
template <class Number>
CLI::Option* add_number(CLI::App& command, const std::string& flags, Number& value,
                        const CLI::Validator& check, const std::string& help) {
  return add_number_function<Number>(
      command, flags, [&value](Number number) { value = number; }, check, help);
}

/// Several, separated by commas, in place of those that `values` has.
CLI::Option* add_numbers(CLI::App& command, const std::string& flags, std::vector<std::int32_t>& values,
                         const CLI::Validator& check, const std::string& help);

}  // namespace yoke::cli
