// Any bytes survive every kind of tokenizer, and a stream of their tokens is well-formed text that hides none
// of them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../text/byte_vocabulary.h"
#include "../text/score_vocabulary.h"
#include "base/utf8.h"
#include "text/normal_form.h"
#include "text/pre_tokenizer_kind.h"
#include "text/tokenizer.h"

namespace {

using namespace yoke::text;

struct Subject {
  std::unique_ptr<Tokenizer> tokenizer;
  NormalForm normal_form = NormalForm::none;
};

void check(bool holds) {
  if (!holds) std::abort();
}

std::vector<Subject> all_kinds() {
  std::vector<Subject> subjects;
  for (const PreTokenizerKind& kind : known_pre_tokenizers()) {
    auto metadata = small_vocabulary().metadata();
    metadata.set("tokenizer.ggml.pre", std::string(kind.name));
    subjects.push_back({make_tokenizer(metadata), kind.normal_form});
  }
  for (const bool adds_space : {false, true})
    subjects.push_back({make_tokenizer(small_score_vocabulary(adds_space).metadata())});
  return subjects;
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<Token>& tokens, Begin begin) {
  TextStream stream(tokenizer, begin);
  std::string text;
  for (const Token token : tokens) {
    const std::string part = stream.push(token);
    check(is_utf8(part));
    text += part;
  }
  return text + stream.finish();
}

/// The text of which `tokens` were made: their bytes, or the names of those that stand for none.
std::string written(const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  ByteStream stream(tokenizer, Begin::text);
  std::string text;
  for (const Token token : tokens) {
    const std::string_view bytes = stream.push(token);
    text += tokenizer.bytes(token).empty() ? tokenizer.special_text(token) : bytes;
  }
  return text;
}

void check_round_trips(const Subject& subject, std::string_view text) {
  const Tokenizer& tokenizer = *subject.tokenizer;
  const std::vector<Token> plain = tokenizer.encode(text, Specials::as_text);
  for (const Token token : plain) check(token >= 0 && token < tokenizer.size());
  const std::string decoded = tokenizer.decode(plain);
  const std::string stream = streamed(tokenizer, plain, Begin::text);
  check(is_utf8(stream));
  check(!is_utf8(decoded) || stream == decoded);
  const std::vector<Token> within = tokenizer.encode(text, Specials::as_text, Begin::within_text);
  check(streamed(tokenizer, within, Begin::within_text) == stream);
  const std::string parsed = written(tokenizer, tokenizer.encode(text, Specials::parse));

  if (subject.normal_form == NormalForm::none) {
    check(decoded == text);
    check(parsed == text);
  } else {
    // The two sides of a special token are normalised apart, so the normal forms of the whole are compared.
    std::string of_text, of_decoded, of_parsed;
    const std::string_view expected = to_nfc(text, of_text);
    check(to_nfc(decoded, of_decoded) == expected);
    check(to_nfc(parsed, of_parsed) == expected);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Subject> subjects = all_kinds();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const Subject& subject : subjects) check_round_trips(subject, text);
  return 0;
}
