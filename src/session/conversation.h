// A conversation: turns of a person and a model that each see all that was said before.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "session/completion.h"

namespace yoke::session {

/// The tokens that a person's words add to the conversation, up to where the model goes on. `history` is what
/// was said before, from the beginning of the sequence; empty in the first turn.
/// Throws Error for words of which it can make none.
using EncodeTurn =
    std::function<std::vector<text::Token>(std::span<const text::Token> history, std::string_view words)>;

/// For models without a template of roles: everything is one text. The first words begin it, later ones begin
/// a new line of it. `tokenizer` outlives what is returned.
EncodeTurn raw_turns(const text::Tokenizer& tokenizer);

/// Remembers what was said as tokens, just as the model saw and wrote them: text is never tokenised twice, so
/// what was computed for a turn's beginning stays true for the next.
class Conversation {
 public:
  /// The engine and the tokenizer outlive it.
  Conversation(runtime::Engine& engine, const text::Tokenizer& tokenizer, EncodeTurn encode);

  /// The person's `words` (not empty), then the model's answer; see complete(). Throws Refused also where the
  /// words cannot be encoded. What throws leaves the conversation as it was. A cancelled answer counts as far
  /// as it got.
  Completion say(std::string_view words, const CompletionOptions& options, const TextSink& sink,
                 const Cancelled& cancelled = {});

  void clear() { history_.clear(); }
  std::span<const text::Token> history() const { return history_; }

 private:
  std::vector<text::Token> encode(std::string_view words) const;

  runtime::Engine& engine_;
  const text::Tokenizer& tokenizer_;
  EncodeTurn encode_;
  std::vector<text::Token> history_;
};

}  // namespace yoke::session
