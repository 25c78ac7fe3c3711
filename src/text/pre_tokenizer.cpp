#include "text/pre_tokenizer.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "base/error.h"
#include "gguf/printable.h"
#include "text/utf8.h"

namespace yoke::text {
namespace {

// The patterns are those of the models' own tokenizers with \p{WSpace} for \s: PCRE2's \s also takes U+180E,
// which is no white space in Unicode since 6.3.
constexpr std::array<std::string_view, 1> gpt2 = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{WSpace}\p{L}\p{N}]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

struct Known {
  std::string_view name;
  std::span<const std::string_view> expressions;
};

constexpr std::array known = {
    Known{"gpt-2", gpt2},
};

std::string known_names() {
  std::string names;
  for (const Known& entry : known) names.append(names.empty() ? "" : ", ").append(entry.name);
  return names;
}

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

PreTokenizer PreTokenizer::named(std::string_view name, PatternEngine engine) {
  for (const Known& entry : known)
    if (entry.name == name) return PreTokenizer(entry.expressions, engine);
  fail("pre-tokenizer \"{}\" (tokenizer.ggml.pre) is not supported; known: {}", gguf::printable(name),
       known_names());
}

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
