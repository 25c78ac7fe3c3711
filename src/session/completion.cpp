#include "session/completion.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

namespace yoke::session {
namespace {

constexpr std::uint64_t request_id = 1;            // one request at a time
constexpr std::chrono::milliseconds patience{50};  // between looks at whether the text is still wanted

std::vector<text::Token> end_tokens(const text::Tokenizer& tokenizer) {
  std::vector<text::Token> tokens;
  for (text::Token token = 0; token < tokenizer.size(); ++token) {
    if (tokenizer.ends_generation(token)) tokens.push_back(token);
  }
  return tokens;
}

void forbid(text::Token token, std::vector<runtime::TokenBias>& bias) {
  std::erase_if(bias, [token](const runtime::TokenBias& other) { return other.token == token; });
  bias.push_back({token, -std::numeric_limits<float>::infinity()});
}

runtime::Request make_request(const text::Tokenizer& tokenizer, PromptTokens prompt,
                              const CompletionOptions& options) {
  runtime::Request request;
  request.id = request_id;
  request.prompt = std::move(prompt.tokens);
  request.given = std::move(prompt.given);
  request.max_tokens = options.max_tokens;
  request.sampling = options.sampling;
  request.stop_tokens = end_tokens(tokenizer);
  request.vocabulary_limit = tokenizer.size();  // rows that pad the model's vocabulary have no text
  if (options.ignore_end) {
    for (const text::Token token : request.stop_tokens) forbid(token, request.sampling.bias);
  }
  return request;
}

Finish why(runtime::FinishReason reason) {
  switch (reason) {
    case runtime::FinishReason::length:
      return Finish::length;
    case runtime::FinishReason::stop_token:
      return Finish::end_token;
    case runtime::FinishReason::context_full:
      return Finish::context_full;
    case runtime::FinishReason::cancelled:
    case runtime::FinishReason::deadline:  // none is ever asked for
      break;
  }
  return Finish::cancelled;
}

/// One request, from its submission to its end.
class Run {
 public:
  Run(runtime::Engine& engine, const text::Tokenizer& tokenizer, const CompletionOptions& options,
      const TextSink& sink, const Cancelled& cancelled)
      : engine_(engine),
        tokenizer_(tokenizer),
        sink_(sink),
        cancelled_(cancelled),
        answer_(tokenizer, options.stops, options.shown_tokens) {}

  Completion run(runtime::Request request) {
    engine_.submit(std::move(request));
    while (!done_) {
      if (!stopping_ && cancelled_ && cancelled_()) stop();
      const std::optional<runtime::Event> event = engine_.next(patience);
      if (event) take(*event);
    }
    show(answer_.finish());
    const Finish finish = answer_.stopped() ? Finish::stop_string
                          : stopping_       ? Finish::cancelled
                                            : why(done_->reason);
    return {finish, done_->statistics, answer_.tokens()};
  }

 private:
  void take(const runtime::Event& event) {
    if (const auto* token = std::get_if<runtime::TokenEvent>(&event)) {
      take(token->token);
    } else if (const auto* done = std::get_if<runtime::DoneEvent>(&event)) {
      done_ = *done;
    } else if (const auto* failed = std::get_if<runtime::FailedEvent>(&event)) {
      throw Refused(failed->sentence);
    }
  }

  void take(text::Token token) {
    // The engine may be ahead of what was asked of it.
    if (stopping_ || tokenizer_.ends_generation(token)) return;
    show(answer_.push(token));
    if (answer_.stopped()) stop();
  }

  void stop() {
    stopping_ = true;
    engine_.cancel(request_id);
  }

  void show(const std::string& text) {
    if (!text.empty()) sink_(text);
  }

  runtime::Engine& engine_;
  const text::Tokenizer& tokenizer_;
  const TextSink& sink_;
  const Cancelled& cancelled_;
  Answer answer_;
  bool stopping_ = false;  // whether the engine was asked to stop
  std::optional<runtime::DoneEvent> done_;
};

void check(const runtime::EngineInfo& engine, const text::Tokenizer& tokenizer, std::size_t prompt) {
  require(tokenizer.size() <= engine.vocabulary,
          "the tokenizer has {} tokens, but the model computes only {}: they do not belong together",
          tokenizer.size(), engine.vocabulary);
  if (prompt > static_cast<std::size_t>(engine.context)) {
    throw PromptTooLong(
        fmt::format("the prompt has {} tokens, but the context holds {}", prompt, engine.context));
  }
}

}  // namespace

Completion complete(runtime::Engine& engine, const text::Tokenizer& tokenizer, PromptTokens prompt,
                    const CompletionOptions& options, const TextSink& sink, const Cancelled& cancelled) {
  assert(!prompt.tokens.empty());
  check(engine.info(), tokenizer, prompt.tokens.size());
  return Run(engine, tokenizer, options, sink, cancelled)
      .run(make_request(tokenizer, std::move(prompt), options));
}

std::vector<text::Token> encode_prompt(const text::Tokenizer& tokenizer, std::string_view prompt) {
  require(!prompt.empty(), "the prompt is empty; expected some text to continue");
  return tokenizer.encode_prompt(prompt, text::Specials::as_text);
}

}  // namespace yoke::session
