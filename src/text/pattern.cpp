#include "text/pattern.h"

#include <array>
#include <new>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"

namespace yoke::text {
namespace {

std::string message(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) {
  // PCRE2 10.42 wants an address even where there is nothing to read.
  return reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data());
}

}  // namespace

void Pattern::Free::operator()(pcre2_real_code_8* code) const noexcept { pcre2_code_free(code); }
void Matcher::Free::operator()(pcre2_real_match_data_8* data) const noexcept { pcre2_match_data_free(data); }

Pattern::Pattern(std::string_view expression, PatternEngine engine) : expression_(expression) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(
      pcre2_compile(units(expression), expression.size(), PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
  require(code_ != nullptr, "pattern {} does not compile: {} (at byte {})", expression_, message(error),
          offset);
  // A refusal leaves the pattern to the interpreter, which finds the same matches.
  if (engine == PatternEngine::jit) pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
}

Matcher::Matcher(const Pattern& pattern)
    : pattern_(&pattern), data_(pcre2_match_data_create(1, nullptr)) {  // one pair: the whole match
  if (data_ == nullptr) throw std::bad_alloc();
}

std::optional<Matcher::Match> Matcher::find(std::string_view text, std::size_t from) {
  // Without the check of the whole rest of the text in every call the search is linear.
  const int found = pcre2_match(pattern_->code_.get(), units(text), text.size(), from,
                                PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, data_.get(), nullptr);
  if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
  require(found >= 0, "pattern {} gave up on a text of {} bytes at byte {}: {}", pattern_->expression_,
          text.size(), from, message(found));
  const PCRE2_SIZE* const bounds = pcre2_get_ovector_pointer(data_.get());
  return Match{bounds[0], bounds[1]};
}

}  // namespace yoke::text
