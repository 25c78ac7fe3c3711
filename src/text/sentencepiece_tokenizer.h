// SentencePiece-style BPE, the tokenizer that GGUF calls "llama": the characters of a text are merged, spaces
// among them, into tokens of ever higher scores; what is left and no token is spelt in bytes. Kudo,
// Richardson: SentencePiece (2018).
#pragma once

#include <memory>

#include "gguf/metadata.h"
#include "text/tokenizer.h"

namespace yoke::text {

/// Throws Error where the vocabulary is damaged. `tokenizer.ggml.model` is not looked at.
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(const gguf::Metadata& metadata);

}  // namespace yoke::text
