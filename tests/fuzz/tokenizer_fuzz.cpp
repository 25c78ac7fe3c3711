// Any bytes survive a byte-level tokenizer, and a stream of its tokens is well-formed text that hides none of
// them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../text/byte_vocabulary.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace {

using namespace yoke::text;

void check(bool holds) {
  if (!holds) std::abort();
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  TextStream stream(tokenizer);
  std::string text;
  for (const Token token : tokens) {
    const std::string part = stream.push(token);
    check(is_utf8(part));
    text += part;
  }
  return text + stream.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizer = make_tokenizer(small_vocabulary().metadata());
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const std::vector<Token> plain = tokenizer->encode(text, Specials::as_text);
  check(tokenizer->decode(plain) == text);
  const std::string stream = streamed(*tokenizer, plain);
  check(is_utf8(stream));
  check(!is_utf8(text) || stream == text);

  std::string written;
  for (const Token token : tokenizer->encode(text, Specials::parse)) {
    const std::string_view bytes = tokenizer->bytes(token);
    written += bytes.empty() ? tokenizer->special_text(token) : bytes;
  }
  check(written == text);
  return 0;
}
