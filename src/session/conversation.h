// A conversation: turns of a person and a model that each see all that was said before.
#pragma once

#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "session/chat_prompt.h"
#include "session/completion.h"
#include "session/sections.h"

namespace yoke::session {

/// A person's words, and what the model answered.
struct Turn {
  std::string words;
  std::string content, reasoning;  // what it said, tool calls included, and what it thought before
};

/// What was said so far.
struct Past {
  std::vector<Turn> turns;
  std::vector<text::Token> tokens;        // as the model saw and wrote them; none before the first turn
  std::vector<runtime::Stretch> given{};  // of them, what the model saw
};

/// What a model is to continue.
struct Prompt {
  std::vector<text::Token> tokens;
  std::string text;           // where it has sections; see SectionSplitter
  bool has_sections = false;  // whether the answer may consist of several
};

/// The whole conversation, up to where the model goes on after `words`. Throws Error for words of which it
/// can make none.
using EncodeTurns = std::function<Prompt(const Past& past, std::string_view words)>;

/// For models without a template of roles: everything is one text. The first words begin it, later ones begin
/// a new line of it. No text is tokenised twice. `tokenizer` outlives what is returned.
EncodeTurns raw_turns(const text::Tokenizer& tokenizer);

/// What goes into every prompt of a conversation besides what is said.
struct ChatSettings {
  std::string system;  // what the model is told first; empty: nothing
  std::tm now{};       // for templates that name the date
};

/// For models with a chat template, which sees the whole conversation every time: many leave out what a model
/// thought in earlier turns. A template that leaves out what is said is refused. `encoder` outlives what is
/// returned.
EncodeTurns template_turns(const ChatEncoder& encoder, ChatSettings settings);

/// Gets the new text as it comes: pieces of whole UTF-8 characters.
using PieceSink = std::function<void(const Piece& piece)>;

class Conversation {
 public:
  /// The engine and the tokenizer outlive it.
  Conversation(runtime::Engine& engine, const text::Tokenizer& tokenizer, EncodeTurns encode);

  /// The person's `words` (not empty), then the model's answer; see complete(). Throws Refused also where the
  /// words cannot be encoded. What throws leaves the conversation as it was. A cancelled answer counts as far
  /// as it got.
  Completion say(std::string_view words, const CompletionOptions& options, const PieceSink& sink,
                 const Cancelled& cancelled = {});

  void clear() { past_ = {}; }
  const Past& past() const { return past_; }

 private:
  Prompt encode(std::string_view words) const;

  runtime::Engine& engine_;
  const text::Tokenizer& tokenizer_;
  EncodeTurns encode_;
  Past past_;
};

}  // namespace yoke::session
