#include "text/pre_tokenizer.h"

#include <cstddef>
#include <optional>

#include "base/utf8.h"

namespace yoke::text {
namespace {

/// Appends the pieces into which `text` falls under the patterns of `matchers`, one after the other.
void cut(std::string_view text, std::span<Matcher> matchers, std::vector<std::string_view>& pieces) {
  if (text.empty()) return;
  if (matchers.empty()) {
    pieces.push_back(text);
    return;
  }
  const std::span<Matcher> rest = matchers.subspan(1);
  std::size_t done = 0;
  while (const std::optional<Matcher::Match> match = matchers.front().find(text, done)) {
    cut(text.substr(done, match->begin - done), rest, pieces);
    cut(text.substr(match->begin, match->end - match->begin), rest, pieces);
    done = match->end;
  }
  cut(text.substr(done), rest, pieces);
}

}  // namespace

PreTokenizer::PreTokenizer(std::span<const std::string_view> expressions, PatternEngine engine) {
  for (const std::string_view expression : expressions) patterns_.emplace_back(expression, engine);
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<Matcher> matchers(patterns_.begin(), patterns_.end());
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const std::size_t valid = valid_prefix(text);
    cut(text.substr(0, valid), matchers, pieces);
    text.remove_prefix(valid);
    const std::size_t invalid = invalid_prefix(text);
    if (invalid > 0) pieces.push_back(text.substr(0, invalid));
    text.remove_prefix(invalid);
  }
  return pieces;
}

}  // namespace yoke::text
