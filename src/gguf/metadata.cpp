#include "gguf/metadata.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/printable.h"

namespace yoke::gguf {
namespace {

constexpr auto largest_signed = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

template <class T>
constexpr std::string_view plural_name() {
  if constexpr (std::is_same_v<T, bool>) return "booleans";
  if constexpr (std::is_same_v<T, double>) return "floats";
  if constexpr (std::is_same_v<T, std::string>) return "strings";
  return "integers";
}

struct Describe {
  std::string operator()(std::uint64_t x) const { return fmt::format("{}", x); }
  std::string operator()(std::int64_t x) const { return fmt::format("{}", x); }
  std::string operator()(double x) const { return fmt::format("the float {}", x); }
  std::string operator()(bool x) const { return x ? "true" : "false"; }
  std::string operator()(const std::string& x) const {
    return fmt::format("the string \"{}\"", printable(x));
  }
  template <class T>
  std::string operator()(const std::vector<T>& x) const {
    return fmt::format("an array of {} {}", x.size(), plural_name<T>());
  }
};

[[noreturn]] void fail_kind(const Metadata& metadata, std::string_view key, const Value& value,
                            std::string_view expected) {
  fail("{}the metadata key '{}' holds {}, expected {}", metadata.sentence_start(), printable(key),
       describe(value), expected);
}

const Value& required(const Metadata& metadata, std::string_view key, std::string_view expected) {
  const Value* const value = metadata.find(key);
  require(value != nullptr, "{}the metadata key '{}' is missing, expected {}", metadata.sentence_start(),
          printable(key), expected);
  return *value;
}

template <class T>
const T& required_as(const Metadata& metadata, std::string_view key, std::string_view expected) {
  const Value& value = required(metadata, key, expected);
  const T* const held = std::get_if<T>(&value);
  if (held == nullptr) fail_kind(metadata, key, value, expected);
  return *held;
}

}  // namespace

std::string describe(const Value& value) { return std::visit(Describe{}, value); }

const Value* Metadata::find(std::string_view key) const {
  const auto found = pairs_.find(key);
  return found != pairs_.end() ? &found->second : nullptr;
}

void Metadata::set(std::string key, Value value) {
  pairs_.insert_or_assign(std::move(key), std::move(value));
}

std::int64_t Metadata::integer(std::string_view key) const {
  constexpr std::string_view expected = "an integer of at most 63 bits";
  const Value& value = required(*this, key, expected);
  if (const auto* const held = std::get_if<std::int64_t>(&value)) return *held;
  const auto* const held = std::get_if<std::uint64_t>(&value);
  if (held == nullptr || *held > largest_signed) fail_kind(*this, key, value, expected);
  return static_cast<std::int64_t>(*held);
}

double Metadata::number(std::string_view key) const {
  constexpr std::string_view expected = "a number";
  const Value& value = required(*this, key, expected);
  if (const auto* const held = std::get_if<double>(&value)) return *held;
  if (const auto* const held = std::get_if<std::int64_t>(&value)) return static_cast<double>(*held);
  if (const auto* const held = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*held);
  fail_kind(*this, key, value, expected);
}

bool Metadata::flag(std::string_view key) const { return required_as<bool>(*this, key, "true or false"); }

const std::string& Metadata::string(std::string_view key) const {
  return required_as<std::string>(*this, key, "a string");
}

const std::vector<std::string>& Metadata::strings(std::string_view key) const {
  return required_as<std::vector<std::string>>(*this, key, "an array of strings");
}

std::vector<std::int64_t> Metadata::integers(std::string_view key) const {
  constexpr std::string_view expected = "an array of integers of at most 63 bits";
  const Value& value = required(*this, key, expected);
  if (const auto* const held = std::get_if<std::vector<std::int64_t>>(&value)) return *held;
  const auto* const held = std::get_if<std::vector<std::uint64_t>>(&value);
  if (held == nullptr) fail_kind(*this, key, value, expected);
  for (const std::uint64_t x : *held) {
    require(x <= largest_signed, "{}the metadata key '{}' holds an array with the integer {}, expected {}",
            sentence_start_, printable(key), x, expected);
  }
  return {held->begin(), held->end()};
}

std::vector<double> Metadata::numbers(std::string_view key) const {
  constexpr std::string_view expected = "an array of numbers";
  const Value& value = required(*this, key, expected);
  if (const auto* const held = std::get_if<std::vector<double>>(&value)) return *held;
  std::vector<double> out;
  if (const auto* const held = std::get_if<std::vector<std::int64_t>>(&value)) {
    for (const std::int64_t x : *held) out.push_back(static_cast<double>(x));
  } else if (const auto* const unsigned_held = std::get_if<std::vector<std::uint64_t>>(&value)) {
    for (const std::uint64_t x : *unsigned_held) out.push_back(static_cast<double>(x));
  } else {
    fail_kind(*this, key, value, expected);
  }
  return out;
}

}  // namespace yoke::gguf
