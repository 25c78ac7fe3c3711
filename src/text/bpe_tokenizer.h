// Byte-level BPE, the tokenizer that GGUF calls "gpt2": text is cut into pieces, and the bytes of each piece
// are merged.
#pragma once

#include <memory>

#include "gguf/metadata.h"
#include "text/tokenizer.h"

namespace yoke::text {

/// Throws Error where the vocabulary is damaged. `tokenizer.ggml.model` is not looked at.
std::unique_ptr<Tokenizer> make_bpe_tokenizer(const gguf::Metadata& metadata);

}  // namespace yoke::text
