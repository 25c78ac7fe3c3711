// A vocabulary for models that were never trained.
#pragma once

#include <cstdint>

#include "gguf/metadata.h"

namespace yoke::cli {

/// The tokens that every vocabulary has: one for each byte, one that begins and one that ends a text.
inline constexpr std::int64_t smallest_vocabulary = 258;

/// The keys `tokenizer.ggml.…` of a byte-level BPE vocabulary of `size` tokens, at least
/// smallest_vocabulary: the bytes, `<s>` and `</s>`, then strings of small letters with or without a space in
/// front, the shorter first, each with the merge that makes it.
void set_vocabulary(gguf::Metadata& metadata, std::int64_t size);

}  // namespace yoke::cli
