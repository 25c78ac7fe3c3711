// A text cut into windows that are computed one by one: what perplexity is measured over.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/engine.h"

namespace yoke::measure {

/// Consecutive windows of the same length; what is left at the end is not used. In each, the first token
/// becomes BOS where the model adds one, the first half is there only to be read, and the tokens after the
/// middle one count. llama.cpp's perplexity tool cuts and counts the same way, so figures can be compared.
class Windows {
 public:
  /// `text`: the tokens of the whole text, BOS in front where the model adds one; `bos` is that one then.
  /// Throws Error where `length` is below 3, or the text shorter than a window.
  Windows(std::vector<runtime::Token> text, std::int32_t length, std::optional<runtime::Token> bos);

  std::int32_t length() const { return length_; }
  std::int32_t count() const { return static_cast<std::int32_t>(text_.size()) / length_; }
  /// The tokens of a window, as the model reads them.
  std::vector<runtime::Token> tokens(std::int32_t window) const;

  /// The positions in a window whose tokens count are [first_scored(), length()).
  std::int32_t first_scored() const { return length_ / 2 + 1; }
  /// Tokens that count in a window.
  std::int32_t scored() const { return length_ - first_scored(); }

 private:
  std::vector<runtime::Token> text_;
  std::int32_t length_;
  std::optional<runtime::Token> bos_;
};

}  // namespace yoke::measure
