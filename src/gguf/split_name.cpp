#include "gguf/split_name.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"

namespace yoke::gguf {
namespace {

constexpr std::size_t digits = 5;

std::optional<int> five_digits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::optional<SplitName> parse_split_name(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  constexpr std::string_view pattern = "-#####-of-#####.gguf";
  if (name.size() <= pattern.size()) return std::nullopt;
  const std::string_view tail = std::string_view(name).substr(name.size() - pattern.size());
  const bool matches = std::equal(pattern.begin(), pattern.end(), tail.begin(),
                                  [](char expected, char c) { return expected == '#' || expected == c; });
  if (!matches) return std::nullopt;
  const auto number = five_digits(tail.substr(pattern.find('#'), digits));
  const auto count = five_digits(tail.substr(pattern.rfind('#') + 1 - digits, digits));
  if (!number || !count) return std::nullopt;
  require(*number >= 1 && *number <= *count,
          "{}: its name says it is part {} of {}, expected a part from 1 to the count", path.string(),
          *number, *count);
  return SplitName{path.parent_path(), name.substr(0, name.size() - pattern.size()), *number, *count};
}

std::filesystem::path SplitName::part(int other_number) const {
  return folder / fmt::format("{}-{:05}-of-{:05}.gguf", stem, other_number, count);
}

}  // namespace yoke::gguf
