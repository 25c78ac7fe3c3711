#include "cli/number_check.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

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

template <class Number>
CLI::Option* add_number_function(CLI::App& command, const std::string& flags,
                                 std::function<void(Number)> take, const CLI::Validator& check,
                                 const std::string& help) {
  const auto take_text = [take = std::move(take)](const std::string& text) {
    take(parse<Number>(text).value());
  };
  return command.add_option_function<std::string>(flags, take_text, help)
      ->check(check)
      ->type_name(std::is_floating_point_v<Number> ? "FLOAT" : "INT");
}

template CLI::Option* add_number_function(CLI::App&, const std::string&, std::function<void(std::int32_t)>,
                                          const CLI::Validator&, const std::string&);
template CLI::Option* add_number_function(CLI::App&, const std::string&, std::function<void(std::int64_t)>,
                                          const CLI::Validator&, const std::string&);
template CLI::Option* add_number_function(CLI::App&, const std::string&, std::function<void(std::uint64_t)>,
                                          const CLI::Validator&, const std::string&);
template CLI::Option* add_number_function(CLI::App&, const std::string&, std::function<void(float)>,
                                          const CLI::Validator&, const std::string&);

CLI::Option* add_numbers(CLI::App& command, const std::string& flags, std::vector<std::int32_t>& values,
                         const CLI::Validator& check, const std::string& help) {
  const auto take_texts = [&values](const std::vector<std::string>& texts) {
    values.clear();
    for (const std::string& text : texts) values.push_back(parse<std::int32_t>(text).value());
  };
  return command.add_option_function<std::vector<std::string>>(flags, take_texts, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(check)
      ->type_name("INT");
}

}  // namespace yoke::cli
