// The key-value part of a GGUF header.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace yoke::gguf {

/// A value of the header, as one of ten C++ types: every unsigned and signed integer width is widened to 64
/// bits, f32 and f64 to double; likewise in arrays. Nested arrays are refused by the reader.
using Value =
    std::variant<std::uint64_t, std::int64_t, double, bool, std::string, std::vector<std::uint64_t>,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<bool>, std::vector<std::string>>;

/// What a value is, shortened to a few dozen characters: `the string "llama"`, `17`, `an array of 3 strings`.
/// Bytes that a terminal might act upon are shown as \xNN.
std::string describe(const Value& value);

/// Typed access to the pairs of a header. Errors name the file, the key, what it holds and what was expected.
class Metadata {
 public:
  Metadata() = default;
  /// `file` is the one that the pairs were read from, as sentences are to call it.
  explicit Metadata(std::string_view file) : sentence_start_(fmt::format("{}: ", file)) {}

  /// What a sentence about these pairs begins with: "model.gguf: ", or nothing where they are of no file.
  const std::string& sentence_start() const { return sentence_start_; }
  const Value* find(std::string_view key) const;  // null when absent
  bool has(std::string_view key) const { return find(key) != nullptr; }
  void set(std::string key, Value value);  // replaces what the key held
  const std::map<std::string, Value, std::less<>>& all() const { return pairs_; }

  // Required values: a missing key or another kind of value throws Error. Integers convert between signed and
  // unsigned where the value fits; an integer is accepted where a float is expected.
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  bool flag(std::string_view key) const;
  const std::string& string(std::string_view key) const;
  const std::vector<std::string>& strings(std::string_view key) const;
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;

  // Optional values: absent gives the default, another kind of value still throws.
  std::int64_t integer_or(std::string_view key, std::int64_t otherwise) const {
    return has(key) ? integer(key) : otherwise;
  }
  double number_or(std::string_view key, double otherwise) const {
    return has(key) ? number(key) : otherwise;
  }
  bool flag_or(std::string_view key, bool otherwise) const { return has(key) ? flag(key) : otherwise; }
  std::string string_or(std::string_view key, std::string_view otherwise) const {
    return has(key) ? string(key) : std::string(otherwise);
  }

 private:
  std::string sentence_start_;
  std::map<std::string, Value, std::less<>> pairs_;
};

}  // namespace yoke::gguf
