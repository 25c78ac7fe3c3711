// What every kind of tokenizer reads from a model's metadata.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gguf/metadata.h"
#include "text/tokenizer.h"

namespace yoke::text {

/// The values of `tokenizer.ggml.token_type`.
enum class TokenType { normal = 1, unknown, control, user_defined, unused, byte };

struct Vocabulary {
  std::vector<std::string> tokens;  // by id; well-formed UTF-8
  std::vector<TokenType> types;     // by id; control of what is known by its text to end an answer
  std::optional<Token> bos, eos;
  std::vector<Token>
      ends;  // where a model stops: what it names as EOS, EOT and EOM, and what is known by its text
  bool adds_bos;

  Token size() const { return static_cast<Token>(tokens.size()); }
};

/// Reads and checks the keys `tokenizer.ggml.…`. `adds_bos` is what holds where the model names a BOS token
/// and does not say whether a prompt starts with it. Throws Error naming the key and the token.
Vocabulary read_vocabulary(const gguf::Metadata& metadata, bool adds_bos);

/// Tokens by what the vocabulary, which must outlive this, calls them.
using Ids = std::unordered_map<std::string_view, Token>;

/// Without tokens that are unused or have no text. Throws Error where two have the same text.
Ids ids_by_text(const Vocabulary& vocabulary);

}  // namespace yoke::text
