#include "text/tokenizer.h"

#include "base/error.h"
#include "base/printable.h"
#include "text/bpe_tokenizer.h"
#include "text/sentencepiece_tokenizer.h"

namespace yoke::text {

std::vector<Token> Tokenizer::encode_prompt(std::string_view text, Specials specials) const {
  std::vector<Token> tokens = encode(text, specials);
  if (adds_bos()) tokens.insert(tokens.begin(), *bos());
  return tokens;
}

std::string Tokenizer::decode(const std::vector<Token>& tokens) const {
  ByteStream bytes(*this, Begin::text);
  std::string text;
  for (const Token token : tokens) text += bytes.push(token);
  return text;
}

std::unique_ptr<Tokenizer> make_tokenizer(const gguf::Metadata& metadata) {
  const std::string& model = metadata.string("tokenizer.ggml.model");
  if (model == "gpt2") return make_bpe_tokenizer(metadata);
  if (model == "llama") return make_sentencepiece_tokenizer(metadata);
  fail("tokenizer \"{}\" (tokenizer.ggml.model) is not supported; known: gpt2, llama", printable(model));
}

}  // namespace yoke::text
