#include "measure/windows.h"

#include <cassert>
#include <limits>
#include <utility>

#include "base/error.h"

namespace yoke::measure {

Windows::Windows(std::vector<runtime::Token> text, std::int32_t length, std::optional<runtime::Token> bos)
    : text_(std::move(text)), length_(length), bos_(bos) {
  require(length >= 3, "a window of {} tokens was asked for; expected at least 3, of which one counts",
          length);
  require(text_.size() >= static_cast<std::size_t>(length),
          "the text has {} tokens, but a window has {}; a smaller one can be asked for with --ctx",
          text_.size(), length);
  require(text_.size() <= std::size_t{std::numeric_limits<std::int32_t>::max()},
          "the text has {} tokens; at most {} can be counted", text_.size(),
          std::numeric_limits<std::int32_t>::max());
}

std::vector<runtime::Token> Windows::tokens(std::int32_t window) const {
  assert(window >= 0 && window < count());
  const auto begin = text_.begin() + std::ptrdiff_t{window} * length_;
  std::vector<runtime::Token> tokens(begin, begin + length_);
  if (bos_) tokens.front() = *bos_;
  return tokens;
}

}  // namespace yoke::measure
