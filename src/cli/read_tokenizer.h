// The tokenizer in a model file.
#pragma once

#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace yoke::cli {

struct ModelTokenizer {
  std::unique_ptr<text::Tokenizer> tokenizer;
  bool has_chat_template = false;
};

/// `model` is the path of a GGUF file; one that holds only metadata will do. Throws Error that names the file
/// where it has no tokenizer, or one that is damaged, of an unknown kind or of more tokens than the model.
ModelTokenizer read_tokenizer(const std::string& model);

}  // namespace yoke::cli
