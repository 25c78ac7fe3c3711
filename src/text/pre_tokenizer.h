// Cutting text into the pieces inside which a tokenizer merges.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "text/pattern.h"

namespace yoke::text {

/// Immutable; may be used from any thread.
class PreTokenizer {
 public:
  /// Applies `expressions` in sequence: each cuts every piece of the one before into its matches and what
  /// lies between them.
  explicit PreTokenizer(std::span<const std::string_view> expressions,
                        PatternEngine engine = PatternEngine::jit);

  /// The pieces of `text` in order; together they are `text`, and none is empty. Any bytes are accepted: each
  /// run of bytes that are not UTF-8 is a piece of its own, and the text before and after it is cut
  /// separately.
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  std::vector<Pattern> patterns_;
};

}  // namespace yoke::text
