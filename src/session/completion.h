// Text in, text out: what a person's words go through on their way to the engine and back.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "runtime/engine.h"
#include "text/tokenizer.h"

namespace yoke::session {

struct CompletionOptions {
  std::int32_t max_tokens = 0;
  runtime::Sampling sampling;
};

struct Completion {
  runtime::FinishReason reason{};
  runtime::Statistics statistics;
};

/// Continues `prompt` (not empty; special tokens in it are ordinary text) until the model ends it or
/// max_tokens. `sink` gets the new text as it comes, whole UTF-8 characters only. The tokenizer may
/// have fewer tokens than the model's vocabulary: the others are never written. Throws Error where it has
/// more, and where the engine refuses the request or dies.
Completion complete(runtime::Engine& engine, const text::Tokenizer& tokenizer, std::string_view prompt,
                    const CompletionOptions& options, const std::function<void(std::string_view)>& sink);

}  // namespace yoke::session
