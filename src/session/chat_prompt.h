// A conversation as the tokens that a model with a chat template reads.
#pragma once

#include <string>
#include <vector>

#include "session/content_forms.h"
#include "text/chat_template.h"
#include "text/special_tokens.h"
#include "text/tokenizer.h"

namespace yoke::session {

struct ChatPrompt {
  std::string text;  // as the template made it
  std::vector<text::Token> tokens;
  std::string left_out;  // a sentence about what was said of which it has nothing; empty: there is none such
};

/// Const members may be called from any thread.
class ChatEncoder {
 public:
  /// Both outlive it.
  ChatEncoder(const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template);

  /// Control tokens that the template writes out become those tokens; what a person, a tool or a model wrote
  /// is ordinary text, whatever stands in it: <|im_end|> in a message ends no turn. Content is given as a
  /// text, or as a list of parts where the template knows only such. A prompt begins with BOS once where the
  /// model wants one. Throws Error where the template refuses the conversation or makes nothing of it.
  ChatPrompt encode(const text::ChatInput& input) const;

 private:
  const text::Tokenizer& tokenizer_;
  const text::ChatTemplate& template_;
  ContentForms forms_;
  text::SpecialTokens control_tokens_;
};

}  // namespace yoke::session
