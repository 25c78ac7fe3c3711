// How a model was taught to read a conversation: a template in Jinja, which its file brings along.
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf/metadata.h"

namespace yoke::text {

/// What a template is given of the vocabulary, by the names that Hugging Face has: {"bos_token", "<s>"}.
using TokenNames = std::vector<std::pair<std::string, std::string>>;

/// A conversation as it goes into a template.
struct ChatInput {
  /// An array of objects with a `role`, a `content`, and whatever else the template knows.
  const nlohmann::ordered_json& messages;
  /// An array of functions as JSON Schema describes them; null where there are none.
  const nlohmann::ordered_json& tools;
  bool add_generation_prompt = true;  // whether the text ends where the model's answer begins
  /// An object; its members are variables of the template: enable_thinking, documents …
  const nlohmann::ordered_json& variables;
  std::tm now;
};

/// Immutable; may be used from any thread.
class ChatTemplate {
 public:
  /// `tool_use` is for conversations with tools, where a model has a template of its own for them. Throws
  /// Error "tokenizer.chat_template, line 3: …" for what is no template, or one that needs more of Jinja than
  /// is known here.
  ChatTemplate(std::string_view source, TokenNames tokens,
               std::optional<std::string_view> tool_use = std::nullopt);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// Just the text that Jinja2 makes, set up as Hugging Face does it. Throws Error that names the line where
  /// the template refuses the conversation, fails or takes too long, and for text that is not UTF-8.
  std::string render(const ChatInput& input) const;

  /// Whether `word` stands somewhere in its source.
  bool mentions(std::string_view word) const;

 private:
  struct Programs;
  std::unique_ptr<const Programs> programs_;
};

/// The template of a model's file; nothing where it has none. Throws Error likewise.
std::optional<ChatTemplate> read_chat_template(const gguf::Metadata& metadata);

}  // namespace yoke::text
