// What every kind of tokenizer reads from a model's metadata.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gguf/metadata.h"
#include "text/tokenizer.h"

namespace yoke::text {

/// The values of `tokenizer.ggml.token_type`.
enum class TokenType { normal = 1, unknown, control, user_defined, unused, byte };

struct Vocabulary {
  std::vector<std::string> tokens;  // by id; well-formed UTF-8
  std::vector<TokenType> types;     // by id
  std::optional<Token> bos, eos;
  std::vector<Token> ends;  // EOS, EOT and EOM, as far as the model names them
  bool adds_bos;

  Token size() const { return static_cast<Token>(tokens.size()); }
};

/// Reads and checks the keys `tokenizer.ggml.…`. `adds_bos` is what holds where the model does not say.
/// Throws Error naming the key and the token.
Vocabulary read_vocabulary(const gguf::Metadata& metadata, bool adds_bos);

}  // namespace yoke::text
