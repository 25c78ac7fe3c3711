// Text in, text out: what a person's words go through on their way to the engine and back.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "runtime/engine.h"
#include "session/answer.h"
#include "text/tokenizer.h"

namespace yoke::session {

inline constexpr std::int32_t unlimited = std::numeric_limits<std::int32_t>::max();

/// How a text is continued, and where it ends besides the end of the context.
struct CompletionOptions {
  std::int32_t max_tokens = unlimited;
  runtime::Sampling sampling;
  std::vector<std::string> stops;  // the text ends before the first of these; not empty, UTF-8
  bool ignore_end = false;         // the tokens with which a model ends a text are never written
  ShownTokens shown_tokens = ShownTokens::none;
};

enum class Finish { end_token, stop_string, length, context_full, cancelled };

struct Completion {
  Finish finish{};
  runtime::Statistics statistics;
  /// Of what the sink got: without the token that ended the text, without the stop string.
  std::vector<text::Token> tokens;
};

/// This request cannot be done; others can.
class Refused : public Error {
 public:
  using Error::Error;
};

/// Refused because the prompt leaves the context no position.
class PromptTooLong : public Refused {
 public:
  using Refused::Refused;
};

/// What is to be continued.
struct PromptTokens {
  std::vector<text::Token> tokens;        // not empty
  std::vector<runtime::Stretch> given{};  // of them; as runtime::Request has it
};

/// Gets the new text as it comes, whole UTF-8 characters only.
using TextSink = std::function<void(std::string_view)>;
/// Asked between events, several times a second at least: whether the rest of the text is not wanted any
/// more. What it looks at may be set from another thread or a signal handler. Empty: never.
using Cancelled = std::function<bool()>;

/// Continues `prompt` until the model, the options or `cancelled` end it. The tokenizer may have
/// fewer tokens than the model's vocabulary: the others are never written. Throws Refused, and Error where
/// the tokenizer does not belong to the model or the engine dies.
Completion complete(runtime::Engine& engine, const text::Tokenizer& tokenizer, PromptTokens prompt,
                    const CompletionOptions& options, const TextSink& sink, const Cancelled& cancelled = {});

/// The prompt as tokens: special tokens in it are ordinary text. Throws Error where it is empty.
std::vector<text::Token> encode_prompt(const text::Tokenizer& tokenizer, std::string_view prompt);

}  // namespace yoke::session
