#include "session/completion.h"

#include <chrono>
#include <optional>
#include <variant>

#include "base/error.h"

namespace yoke::session {
namespace {

constexpr std::uint64_t request_id = 1;              // one request at a time
constexpr std::chrono::milliseconds patience{1000};  // between looks at whether the engine lives

std::vector<text::Token> end_tokens(const text::Tokenizer& tokenizer) {
  std::vector<text::Token> tokens;
  for (text::Token token = 0; token < tokenizer.size(); ++token) {
    if (tokenizer.ends_generation(token)) tokens.push_back(token);
  }
  return tokens;
}

}  // namespace

Completion complete(runtime::Engine& engine, const text::Tokenizer& tokenizer, std::string_view prompt,
                    const CompletionOptions& options, const std::function<void(std::string_view)>& sink) {
  require(!prompt.empty(), "the prompt is empty; expected some text to continue");
  const std::int32_t vocabulary = engine.info().vocabulary;
  require(tokenizer.size() <= vocabulary,
          "the tokenizer has {} tokens, but the model computes only {}: they do not belong together",
          tokenizer.size(), vocabulary);
  runtime::Request request;
  request.id = request_id;
  request.prompt = tokenizer.encode_prompt(prompt, text::Specials::as_text);
  request.max_tokens = options.max_tokens;
  request.sampling = options.sampling;
  request.stop_tokens = end_tokens(tokenizer);
  request.vocabulary_limit = tokenizer.size();  // rows that pad the model's vocabulary have no text
  engine.submit(std::move(request));

  text::TextStream stream(tokenizer);
  while (true) {
    const std::optional<runtime::Event> event = engine.next(patience);
    if (!event) continue;
    if (const auto* token = std::get_if<runtime::TokenEvent>(&*event)) {
      sink(stream.push(token->token));
    } else if (const auto* done = std::get_if<runtime::DoneEvent>(&*event)) {
      sink(stream.finish());
      return {done->reason, done->statistics};
    } else if (const auto* refused = std::get_if<runtime::RefusedEvent>(&*event)) {
      throw Error(refused->sentence);
    }
  }
}

}  // namespace yoke::session
