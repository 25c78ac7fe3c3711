#include "session/answer.h"

#include <utility>

namespace yoke::session {

Answer::Answer(const text::Tokenizer& tokenizer, std::vector<std::string> stops)
    : tokenizer_(tokenizer), stream_(tokenizer), matcher_(std::move(stops)) {}

std::string Answer::push(text::Token token) {
  tokens_.push_back(token);
  return show(matcher_.push(stream_.push(token)));
}

std::string Answer::finish() {
  std::string text = matcher_.push(stream_.finish());
  return show(text += matcher_.finish());
}

std::vector<text::Token> Answer::tokens() const {
  if (!stopped()) return tokens_;
  std::vector<text::Token> whole;
  std::string_view rest = shown_;
  for (const text::Token token : tokens_) {
    const std::string_view bytes = tokenizer_.bytes(token);
    if (!rest.starts_with(bytes)) break;
    rest.remove_prefix(bytes.size());
    whole.push_back(token);
  }
  const std::vector<text::Token> cut = tokenizer_.encode(rest, text::Specials::as_text);
  whole.insert(whole.end(), cut.begin(), cut.end());
  return whole;
}

std::string Answer::show(std::string text) {
  shown_ += text;
  return text;
}

}  // namespace yoke::session
