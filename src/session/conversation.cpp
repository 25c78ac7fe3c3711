#include "session/conversation.h"

#include <cassert>
#include <string>
#include <utility>

#include "base/error.h"

namespace yoke::session {

EncodeTurn raw_turns(const text::Tokenizer& tokenizer) {
  return [&tokenizer](std::span<const text::Token> history, std::string_view words) {
    if (history.empty()) return encode_prompt(tokenizer, words);
    return tokenizer.encode(std::string("\n").append(words), text::Specials::as_text,
                            text::Begin::within_text);
  };
}

Conversation::Conversation(runtime::Engine& engine, const text::Tokenizer& tokenizer, EncodeTurn encode)
    : engine_(engine), tokenizer_(tokenizer), encode_(std::move(encode)) {}

Completion Conversation::say(std::string_view words, const CompletionOptions& options, const TextSink& sink,
                             const Cancelled& cancelled) {
  assert(!words.empty());
  std::vector<text::Token> said = history_;
  const std::vector<text::Token> turn = encode(words);
  said.insert(said.end(), turn.begin(), turn.end());
  Completion answer = complete(engine_, tokenizer_, said, options, sink, cancelled);
  said.insert(said.end(), answer.tokens.begin(), answer.tokens.end());
  history_ = std::move(said);
  return answer;
}

std::vector<text::Token> Conversation::encode(std::string_view words) const {
  try {
    return encode_(history_, words);
  } catch (const Error& error) {
    throw Refused(error.what());
  }
}

}  // namespace yoke::session
