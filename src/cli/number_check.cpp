#include "cli/number_check.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <system_error>

namespace yoke::cli {
namespace {

/// The whole text as a number.
template <class Number>
std::optional<Number> parse(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [rest, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc() || rest != end) return std::nullopt;
  return number;
}

template <class Number>
CLI::Validator check(const std::string& expected, const std::function<bool(Number)>& accepts) {
  // No description: the ranges stand in the flags' own.
  return CLI::Validator(
      [expected, accepts](const std::string& text) {
        const std::optional<Number> number = parse<Number>(text);
        return number && accepts(*number) ? "" : fmt::format("'{}' is not {}", text, expected);
      },
      "");
}

}  // namespace

CLI::Validator number_check(float low, float high) {
  return check<float>(fmt::format("a number from {} to {}", low, high),
                      [=](float number) { return number >= low && number <= high; });
}

CLI::Validator number_above_check(float low, float high) {
  return check<float>(fmt::format("a number above {} and up to {}", low, high),
                      [=](float number) { return number > low && number <= high; });
}

CLI::Validator number_below_check(float low, float high) {
  return check<float>(fmt::format("a number from {} and below {}", low, high),
                      [=](float number) { return number >= low && number < high; });
}

CLI::Validator whole_number_check(std::int64_t low, std::int64_t high) {
  return check<std::int64_t>(fmt::format("a whole number from {} to {}", low, high),
                             [=](std::int64_t number) { return number >= low && number <= high; });
}

CLI::Validator seed_check() {
  return check<std::uint64_t>("a whole number from 0 to 18446744073709551615",
                              [](std::uint64_t) { return true; });
}

}  // namespace yoke::cli
