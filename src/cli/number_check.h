// What a flag's number must be, in sentences of our own.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>

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

}  // namespace yoke::cli
