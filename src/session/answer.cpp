#include "session/answer.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "session/sections.h"

namespace yoke::session {
namespace {

/// How many of the bytes that a model wrote stand behind the first `length` bytes of their text, in which
/// U+FFFD takes the place of what is no character.
std::size_t bytes_behind_text(std::string_view bytes, std::size_t length) {
  std::size_t behind = 0;
  for (std::size_t shown = 0; shown < length;) {
    const Utf8Unit unit = front_unit(bytes.substr(behind));
    shown += unit.kind == Utf8::character ? unit.bytes : replacement_character.size();
    behind += unit.bytes;
  }
  return behind;
}

/// Tokens for a part of a token; nothing where the vocabulary has that token but not its parts.
/// `after_space`: a space that is not the text's stood before it.
std::vector<text::Token> spell(const text::Tokenizer& tokenizer, std::string_view part, bool after_space) {
  try {
    return tokenizer.encode(part, text::Specials::as_text,
                            after_space ? text::Begin::text : text::Begin::within_text);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

Answer::Answer(const text::Tokenizer& tokenizer, std::vector<std::string> stops, ShownTokens shown_tokens)
    : tokenizer_(tokenizer), shown_tokens_(shown_tokens), stream_(tokenizer), matcher_(std::move(stops)) {}

std::string Answer::push(text::Token token) {
  tokens_.push_back(token);
  const std::string_view name = name_of(token);
  std::string text = name.empty() ? "" : stream_.finish();
  text += stream_.push(token);
  return show(matcher_.push(text += name));
}

std::string Answer::finish() {
  std::string text = matcher_.push(stream_.finish());
  return show(text += matcher_.finish());
}

std::vector<text::Token> Answer::tokens() const {
  if (!stopped()) return tokens_;
  text::ByteStream stream(tokenizer_, text::Begin::within_text);
  std::vector<std::string_view> parts;
  std::string bytes;
  for (const text::Token token : tokens_) {
    const std::string_view name = name_of(token), part = stream.push(token);
    bytes += parts.emplace_back(name.empty() ? part : name);
  }

  std::size_t left = bytes_behind_text(bytes, shown_);
  std::size_t whole = 0;
  while (whole < parts.size() && parts[whole].size() <= left) left -= parts[whole++].size();
  std::vector<text::Token> kept(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(whole));
  if (left > 0) {
    const bool after_space = parts[whole].size() < tokenizer_.bytes(tokens_[whole]).size();
    const std::vector<text::Token> cut = spell(tokenizer_, parts[whole].substr(0, left), after_space);
    kept.insert(kept.end(), cut.begin(), cut.end());
  }
  return kept;
}

/// The name by which the token is shown; empty where it is shown by its bytes.
std::string_view Answer::name_of(text::Token token) const {
  if (shown_tokens_ == ShownTokens::none || !tokenizer_.bytes(token).empty()) return "";
  const std::string_view name = tokenizer_.special_text(token);
  return is_section_token(name) ? name : "";
}

std::string Answer::show(std::string text) {
  shown_ += text.size();
  return text;
}

}  // namespace yoke::session
