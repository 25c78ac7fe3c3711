#include "session/conversation.h"

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "base/error.h"

namespace yoke::session {
namespace {

using Json = nlohmann::ordered_json;

Json message(std::string_view role, std::string_view content) {
  return {{"role", role}, {"content", content}};
}

/// Templates that know what a model thought know it by one of two names.
Json answer(const Turn& turn) {
  Json said = message("assistant", turn.content);
  if (turn.reasoning.empty()) return said;
  said["reasoning_content"] = turn.reasoning;
  said["thinking"] = turn.reasoning;
  return said;
}

/// Of a prompt: what was seen before as far as it goes on as the conversation went, and all that comes then.
std::vector<runtime::Stretch> given_of(std::span<const text::Token> prompt, const Past& past) {
  const auto differs =
      std::mismatch(prompt.begin(), prompt.end(), past.tokens.begin(), past.tokens.end()).first;
  const auto common = static_cast<std::int32_t>(differs - prompt.begin());
  const auto size = static_cast<std::int32_t>(prompt.size());
  std::vector<runtime::Stretch> given;
  for (const runtime::Stretch& each : past.given) {
    if (each.first < common) given.push_back({each.first, std::min(each.end, common)});
  }
  if (!given.empty() && given.back().end == common) {
    given.back().end = size;
  } else if (common < size) {
    given.push_back({common, size});
  }
  return given;
}

/// What `splitter` makes of an answer, on its way to `sink` and into `turn`.
class Listener {
 public:
  Listener(const Prompt& prompt, Turn& turn, const PieceSink& sink)
      : splits_(prompt.has_sections), splitter_(prompt.text), turn_(turn), sink_(sink) {}

  void hear(std::string_view text) {
    if (!splits_) return take({Section::content, std::string(text), turn_.content.empty()});
    for (const Piece& piece : splitter_.push(text)) take(piece);
  }

  void finish() {
    for (const Piece& piece : splitter_.finish()) take(piece);
  }

 private:
  void take(const Piece& piece) {
    (piece.section == Section::reasoning ? turn_.reasoning : turn_.content) += piece.text;
    sink_(piece);
  }

  bool splits_;
  SectionSplitter splitter_;
  Turn& turn_;
  const PieceSink& sink_;
};

}  // namespace

EncodeTurns raw_turns(const text::Tokenizer& tokenizer) {
  return [&tokenizer](const Past& past, std::string_view words) {
    if (past.tokens.empty()) return Prompt{encode_prompt(tokenizer, words), {}};
    Prompt prompt{past.tokens, {}};
    const std::vector<text::Token> added =
        tokenizer.encode(std::string("\n").append(words), text::Specials::as_text, text::Begin::within_text);
    prompt.tokens.insert(prompt.tokens.end(), added.begin(), added.end());
    return prompt;
  };
}

EncodeTurns template_turns(const ChatEncoder& encoder, ChatSettings settings) {
  return [&encoder, settings = std::move(settings)](const Past& past, std::string_view words) {
    Json messages = Json::array();
    if (!settings.system.empty()) messages.push_back(message("system", settings.system));
    for (const Turn& turn : past.turns) {
      messages.push_back(message("user", turn.words));
      messages.push_back(answer(turn));
    }
    messages.push_back(message("user", words));
    ChatPrompt prompt = encoder.encode({messages, Json(), true, Json::object(), settings.now});
    require(prompt.left_out.empty(), "{}; without the template (--no-chat) all is one text", prompt.left_out);
    return Prompt{std::move(prompt.tokens), std::move(prompt.text), true};
  };
}

Conversation::Conversation(runtime::Engine& engine, const text::Tokenizer& tokenizer, EncodeTurns encode)
    : engine_(engine), tokenizer_(tokenizer), encode_(std::move(encode)) {}

Completion Conversation::say(std::string_view words, const CompletionOptions& options, const PieceSink& sink,
                             const Cancelled& cancelled) {
  assert(!words.empty());
  Prompt prompt = encode(words);
  Turn turn{std::string(words), {}, {}};
  Listener listener(prompt, turn, sink);
  CompletionOptions with_markers = options;
  if (prompt.has_sections) with_markers.shown_tokens = ShownTokens::section_tokens;
  const TextSink hear = [&listener](std::string_view text) { listener.hear(text); };
  std::vector<runtime::Stretch> given = given_of(prompt.tokens, past_);
  Completion completion =
      complete(engine_, tokenizer_, {prompt.tokens, given}, with_markers, hear, cancelled);
  listener.finish();
  past_.given = std::move(given);
  past_.tokens = std::move(prompt.tokens);
  past_.tokens.insert(past_.tokens.end(), completion.tokens.begin(), completion.tokens.end());
  past_.turns.push_back(std::move(turn));
  return completion;
}

Prompt Conversation::encode(std::string_view words) const {
  try {
    return encode_(past_, words);
  } catch (const Error& error) {
    throw Refused(error.what());
  }
}

}  // namespace yoke::session
