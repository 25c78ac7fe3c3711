// yoke run on a terminal without a prompt: a conversation.
#pragma once

#include <string>

#include "runtime/engine.h"
#include "session/completion.h"
#include "session/conversation.h"
#include "text/tokenizer.h"

namespace yoke::cli {

struct ConversationOptions {
  session::EncodeTurns turns;
  std::string greeting;  // a sentence on how the model is talked to; may be empty
  session::CompletionOptions completion;
  bool quiet = false;  // no figures after an answer
};

/// Talks until the person leaves; Ctrl-C ends an answer. Standard input and output must be terminals. Throws
/// Error where the engine dies for good; what it only refuses is told, and the conversation goes on.
void converse(runtime::Engine& engine, const text::Tokenizer& tokenizer, const ConversationOptions& options);

}  // namespace yoke::cli
