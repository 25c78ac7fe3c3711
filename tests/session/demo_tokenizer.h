// The demo model's tokenizer: 2048 tokens, byte-level.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "gguf/reader.h"
#include "text/tokenizer.h"

namespace yoke::session {

inline std::unique_ptr<text::Tokenizer> demo_tokenizer() {
  return text::make_tokenizer(gguf::Model::open(std::filesystem::path(YOKE_MODELS) / "demo.gguf").metadata());
}

inline std::vector<text::Token> tokens_of(const text::Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.encode(text, text::Specials::as_text);
}

}  // namespace yoke::session
