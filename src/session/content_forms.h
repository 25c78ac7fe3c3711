// In which form a chat template knows what is said, and whether it passes all of it on.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "text/chat_template.h"

namespace yoke::session {

/// Most templates know the content of a message as a text. Many of models that also see pictures know it only
/// as a list of parts, [{"type": "text", "text": "Hello"}], and leave out, without a word, what comes as a
/// text. Which it is differs by the role of who speaks, and is found by trying. Const members may be called
/// from any thread.
class ContentForms {
 public:
  using Json = nlohmann::ordered_json;

  /// Renders a few short conversations. The template outlives it.
  explicit ContentForms(const text::ChatTemplate& chat_template);

  /// The messages with their texts in the form that the template knows; other content stays as it is.
  Json in_form(const Json& messages) const;

  /// The first of input.messages (contents are texts) that `rendered`, which the template made of them in
  /// form, says nothing of: that of a person or of who instructs the model, since answers may be shortened.
  std::optional<std::size_t> left_out(const text::ChatInput& input, std::string_view rendered) const;

 private:
  enum class Form { text, parts };
  /// What is known of how a role speaks.
  struct Known {
    Form form = Form::text;
    bool is_said = false;  // whether what it says was in the prompt when that was tried
  };

  void find_form(const std::string& role, Json messages, std::size_t index);
  const Known& known(const Json& message) const;
  /// What the template makes of the messages in form; nothing where it refuses them.
  std::optional<std::string> try_to_render(const text::ChatInput& input, const Json& messages) const;
  bool depends_on(const text::ChatInput& input, std::size_t index) const;

  const text::ChatTemplate& template_;
  std::map<std::string, Known> roles_;
};

}  // namespace yoke::session
