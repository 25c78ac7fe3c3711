// A model's tokens on their way to a reader.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "session/stop_matcher.h"
#include "text/tokenizer.h"

namespace yoke::session {

/// Which control tokens stand in a text by their names; elsewhere they are nothing.
enum class ShownTokens { none, section_tokens };

/// Text of one answer, which ends before its first stop string; knows the tokens that say what was shown.
class Answer {
 public:
  /// `tokenizer` outlives it.
  Answer(const text::Tokenizer& tokenizer, std::vector<std::string> stops,
         ShownTokens shown_tokens = ShownTokens::none);

  /// The text to show next, in whole UTF-8 characters.
  std::string push(text::Token token);
  /// No token follows: the rest of the text.
  std::string finish();
  bool stopped() const { return matcher_.stopped(); }

  /// The tokens of what was shown: those that were pushed or, where a stop string cut one of them, other
  /// tokens for its part that was shown; none for a part that the vocabulary cannot spell. For after
  /// finish().
  std::vector<text::Token> tokens() const;

 private:
  std::string show(std::string text);
  std::string_view name_of(text::Token token) const;

  const text::Tokenizer& tokenizer_;
  ShownTokens shown_tokens_;
  text::TextStream stream_;
  StopMatcher matcher_;
  std::vector<text::Token> tokens_;
  std::size_t shown_ = 0;  // bytes of text
};

}  // namespace yoke::session
