#include "text/vocabulary.h"

#include <cstddef>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "text/utf8.h"

namespace yoke::text {
namespace {

std::vector<std::string> read_tokens(const gguf::Metadata& metadata) {
  std::vector<std::string> tokens = metadata.strings("tokenizer.ggml.tokens");
  require(!tokens.empty(), "tokenizer.ggml.tokens is empty; a vocabulary needs tokens");
  require(tokens.size() <= std::size_t{std::numeric_limits<Token>::max()},
          "tokenizer.ggml.tokens has {} entries; at most {} are supported", tokens.size(),
          std::numeric_limits<Token>::max());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    require(is_utf8(tokens[i]), "token {} in tokenizer.ggml.tokens is not UTF-8", i);
  return tokens;
}

std::vector<TokenType> read_types(const gguf::Metadata& metadata, std::size_t n_tokens) {
  constexpr std::string_view key = "tokenizer.ggml.token_type";
  std::vector<TokenType> types(n_tokens, TokenType::normal);
  if (!metadata.has(key)) return types;
  const std::vector<std::int64_t> codes = metadata.integers(key);
  require(codes.size() == n_tokens, "{} has {} entries for the {} of tokenizer.ggml.tokens", key,
          codes.size(), n_tokens);
  for (std::size_t i = 0; i < n_tokens; ++i) {
    require(codes[i] >= 1 && codes[i] <= 6, "{} gives token {} the type {}; types are 1 to 6", key, i,
            codes[i]);
    types[i] = static_cast<TokenType>(codes[i]);
  }
  return types;
}

std::optional<Token> read_id(const gguf::Metadata& metadata, std::string_view key, std::size_t n_tokens) {
  if (!metadata.has(key)) return std::nullopt;
  const std::int64_t id = metadata.integer(key);
  require(id >= 0 && static_cast<std::size_t>(id) < n_tokens, "{} is {}; the vocabulary has tokens 0 to {}",
          key, id, n_tokens - 1);
  return static_cast<Token>(id);
}

}  // namespace

Vocabulary read_vocabulary(const gguf::Metadata& metadata, bool adds_bos) {
  Vocabulary vocabulary;
  vocabulary.tokens = read_tokens(metadata);
  const std::size_t n = vocabulary.tokens.size();
  vocabulary.types = read_types(metadata, n);
  vocabulary.bos = read_id(metadata, "tokenizer.ggml.bos_token_id", n);
  vocabulary.eos = read_id(metadata, "tokenizer.ggml.eos_token_id", n);
  for (const auto& end : {vocabulary.eos, read_id(metadata, "tokenizer.ggml.eot_token_id", n),
                          read_id(metadata, "tokenizer.ggml.eom_token_id", n)})
    if (end) vocabulary.ends.push_back(*end);
  vocabulary.adds_bos = metadata.flag_or("tokenizer.ggml.add_bos_token", adds_bos);
  require(!vocabulary.adds_bos || vocabulary.bos,
          "tokenizer.ggml.add_bos_token asks for a BOS token, but tokenizer.ggml.bos_token_id is missing");
  return vocabulary;
}

}  // namespace yoke::text
